"`from fastfound.all import *` gives one short list of names: those of the fastai book, with their meaning there, and our own."
import ast, importlib, math, os, re, string, subprocess, sys
from functools import partial
from pathlib import Path
import fastcore.basics, fastcore.foundation, numpy, pytest, torch
import PIL.Image
import fastfound.all as everything
from fastfound import engine
from fastfound.learner import Learner

pytestmark = pytest.mark.not_numerical

# what notebooks of readers take from the star: the fastai book, chapters 4 and 17, and its course of 2022
LIBRARIES = 'torch nn F np pd plt matplotlib math sqrt partial string Path L first Image array tensor Tensor to_np Module'
DATA = 'untar_data URLs get_image_files get_mnist mnist_arrays DataLoader DataLoaders ImageDataLoaders default_collate'
SHOWING = 'show_image show_images subplots plot_function gv set_seed default_device'
CHAPTERS = '''matmul matmul_loops matmul_dot matmul_bcast matmul_einsum einsum broadcast_shape explain_broadcast test_near
    normalize lin relu mse kaiming xavier mse_grad relu_grad lin_grad forward_and_backward LayerFunction Relu Lin Mse Model CrossEntropy
    LinearLayer
    mnist_distance init_params linear1 sigmoid mnist_loss BasicOptim SGD'''
TRAINING = '''Learner Callback CancelFitException CancelEpochException CancelBatchException Recorder accuracy error_rate Adam AdamW RMSProp
    Muon vision_learner cnn_learner resnet18 resnet34 small_resnet'''
HELPERS = 'sequential Flatten noop to_cpu to_device store_attr Self defaults GetAttr def_device'

@pytest.mark.parametrize('names', [LIBRARIES, DATA, SHOWING, CHAPTERS, TRAINING, HELPERS], ids=lambda o: o.split()[0])
def test_what_notebooks_take_for_granted(names):
    space = {}
    exec('from fastfound.all import *', space)
    assert [o for o in names.split() if o not in space]==[]

def test_the_list_is_short(): assert len(everything.__all__)==len(set(everything.__all__))<=180

OTHERS = {'torch': torch, 'nn': torch.nn, 'F': torch.nn.functional, 'Tensor': torch.Tensor, 'Flatten': torch.nn.Flatten, 'np': numpy,
          'array': numpy.array, 'Image': PIL.Image, 'math': math, 'sqrt': math.sqrt, 'partial': partial, 'string': string, 'Path': Path,
          'L': fastcore.foundation.L, **{o: getattr(fastcore.basics, o) for o in ('first','noop','store_attr','Self','GetAttr','defaults')}}
OWN = 'tensor sequential Lambda def_device pd matplotlib'.split()  # defined in the list's own module

def sources():
    "From each name that the module imports from one of ours to that module"
    tree = ast.parse(Path(everything.__file__).read_text(encoding='utf-8'))
    return {name.name: o.module for o in tree.body if isinstance(o, ast.ImportFrom) and o.level==1 for name in o.names}

@pytest.mark.parametrize('name', everything.__all__)
def test_a_name_is_the_object_of_its_module(name):
    "Another library's, ours from the module that defines it, or one of the few that the list adds"
    got = getattr(everything, name)
    if name in OTHERS: assert got is OTHERS[name]
    elif name not in OWN:
        module = importlib.import_module(f'fastfound.{sources()[name]}')
        assert name in module.__all__ and got is getattr(module, name)

def test_nothing_is_imported_for_nothing():
    assert sources().keys()-set(everything.__all__)=={'LazyModule', 'device_name'}

def test_the_tensor_is_that_of_pytorch():
    assert everything.Tensor is torch.Tensor is not engine.Tensor and everything.Module.__module__=='fastfound.backprop'

def test_late_modules_are_what_they_say():
    assert [repr(o) for o in (everything.pd, everything.plt, everything.matplotlib)]==[
        f'<{o}, imported when it is used>' for o in ('pandas', 'matplotlib.pyplot', 'matplotlib')]
    assert everything.matplotlib.__version__ and everything.plt.Figure

@pytest.mark.parametrize('attribute', ['MNIST', 'MNIST_SAMPLE'])
def test_addresses(attribute): assert hasattr(everything.URLs, attribute)

def test_paths_list_themselves(tmp_path, monkeypatch):
    (tmp_path/'a').touch()
    monkeypatch.setattr(Path, 'BASE_PATH', tmp_path, raising=False)
    assert tmp_path.ls()==[tmp_path/'a'] and str((tmp_path/'a').relative_to(Path.BASE_PATH))=='a'

@pytest.mark.parametrize('method', '''fit fit_one_cycle lr_find validate predict get_preds summary show_results show_predictions top_losses
    plot_confusion save load tta fine_tune'''.split())
def test_a_learner_has_its_methods(method): assert callable(getattr(Learner, method))

def run(code, **env):
    r = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env={**os.environ, **env})
    assert r.returncode==0, r.stderr
    return r.stdout.strip()

def test_the_import_starts_nothing():
    "No command, no large package that only some programs need, and no device"
    heavy = 'pandas', 'matplotlib.pyplot', 'sympy', 'numba', 'triton', 'IPython', 'fastfound.train', 'fastfound.doctor'
    code = f'import sys; from fastfound.all import *; print([o for o in {heavy} if o in sys.modules], torch.cuda.is_initialized())'
    assert run(code)=='[] False'

def test_the_device():
    "Named by the variable, else the one that `default_device` finds"
    assert run('from fastfound.all import *; print(def_device)', FASTFOUND_DEVICE='meta')=='meta'
    assert run('from fastfound.all import *; print(torch.device(def_device)==default_device())', FASTFOUND_DEVICE='')=='True'

def test_functions_are_layers():
    model = everything.sequential(torch.nn.Linear(3,2), torch.relu)
    x = torch.randn(5,3)
    assert torch.equal(model(x), model[0](x).relu()) and len(list(model.parameters()))==2 and re.search('Lambda', repr(model))

def test_copies_on_the_cpu_leave_the_graph():
    x = {'a': [torch.ones(2, requires_grad=True)*2], 'b': 3}
    got = everything.to_cpu(x)
    assert got['a'][0].tolist()==[2,2] and not got['a'][0].requires_grad and got['b']==3

def test_resnet34_is_the_published_network():
    "Parameters and layers of torchvision's"
    model = everything.resnet34()
    assert sum(p.numel() for p in model.parameters())==21_797_672
    assert [len(getattr(model, f'layer{i}')) for i in (1,2,3,4)]==[3,4,6,3] and model(torch.zeros(1,3,64,64)).shape==(1,1000)
