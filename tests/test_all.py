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

# Names and arguments of fastai

def dataloaders(**kw):
    x,y = torch.rand(12,1,4,4),torch.arange(12)%3
    return everything.DataLoaders(everything.DataLoader((x, y), 5), everything.DataLoader((x.numpy()[:6], y.numpy()[:6]), 5), **kw)

def test_dataloaders_know_their_classes_and_examples():
    "Whatever the dataset is: tensors or arrays that go together, or items"
    dls = dataloaders(vocab=['a','b','c'])
    assert dls.c==3 and (len(dls.train_ds), len(dls.valid_ds))==(12,6)
    assert [int(ds[4][1]) for ds in (dls.train_ds, dls.valid_ds)]==[1,1] and dls.train_ds[0][0].shape==dls.valid_ds[0][0].shape==(1,4,4)
    items = [(torch.rand(2), i) for i in range(5)]
    dls = everything.DataLoaders(everything.DataLoader(items, 2), everything.DataLoader(torch.arange(3.), 2))
    assert dls.train_ds is items and dls.valid_ds[2]==2 and everything.DataLoaders(dls.train).valid_ds is None

def test_classes_that_are_not_known_have_no_number():
    "As of an attribute that is not there: code that asks with hasattr goes on"
    assert not hasattr(dataloaders(), 'c')
    with pytest.raises(AttributeError, match='got no vocab, wanted one'): dataloaders().c

@pytest.mark.parametrize('kw, n', [({}, 5), ({'n': 2}, 2), ({'max_n': 4}, 4), ({'max_n': 40}, 5)])
def test_show_batch_by_both_names(kw, n):
    everything.plt.switch_backend('agg')
    dataloaders().show_batch(**kw)
    assert sum(len(ax.images) for ax in everything.plt.gcf().axes)==n
    everything.plt.close('all')

@pytest.mark.parametrize('name', ['cpu', 'cuda:99', ''])
def test_to_device_by_default(name, monkeypatch):
    "The one that `default_device` finds or refuses, for nested batches too"
    monkeypatch.setenv('FASTFOUND_DEVICE', name)
    batch = torch.ones(2),{'y': [torch.ones(3)]}
    if name=='cuda:99':
        with pytest.raises(ValueError, match='FASTFOUND_DEVICE'): everything.to_device(batch)
    else: assert everything.to_device(batch)[1]['y'][0].device==everything.default_device()

def learner(**kw):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16,3))
    return Learner(dataloaders(), model, torch.nn.functional.cross_entropy, everything.SGD, 0.1, **kw)

def test_to_fp16():
    "Gives the Learner itself, with one callback however often it is said"
    learn = learner()
    assert learn.to_fp16().to_fp16() is learn and sum(isinstance(o, everything.MixedPrecision) for o in learn.cbs)==1
    learn.fit(1, quiet=True)
    assert sum(isinstance(o, everything.MixedPrecision) for o in learner(cbs=everything.MixedPrecision()).to_fp16().cbs)==1

def test_plot_sched():
    everything.plt.switch_backend('agg')
    learn = learner()
    learn.fit_one_cycle(2, 0.3, quiet=True)
    learn.recorder.plot_sched()
    drawn = everything.plt.gca().lines[0].get_ydata()
    assert list(drawn)==learn.recorder.lrs and len(drawn)==6 and max(drawn)>drawn[-1]>drawn[0]
    everything.plt.close('all')

# Chapters of the fastai book, as cells in one namespace, with its calls and in words of our own

def run_cells(text, **names):
    "The namespace after the import and these cells"
    everything.plt.switch_backend('agg')
    space = {}
    exec('from fastfound.all import *\n', space)
    space.update(names)
    try: exec(text, space)
    finally:
        Path.BASE_PATH = None
        everything.plt.close('all')
    return space

FOUR = """
set_seed(42)
path = untar_data(URLs.MNIST_SAMPLE, 'sample')
Path.BASE_PATH = path
names = [o.name for o in path.ls()]
threes,sevens = [(path/'train'/o).ls().sorted()[:60] for o in '37']
im3 = Image.open(threes[1])
corner = array(im3)[4:10,4:10],tensor(im3)[4:10,4:10]
table = pd.DataFrame(tensor(im3)[4:15,4:22]).style.set_properties(**{'font-size':'6pt'}).background_gradient('Greys')
three_tensors,seven_tensors = [[tensor(Image.open(o)) for o in part] for part in (threes, sevens)]
show_image(three_tensors[1]);
stacked_threes,stacked_sevens = [torch.stack(o).float()/255 for o in (three_tensors, seven_tensors)]
mean3,mean7 = stacked_threes.mean(0),stacked_sevens.mean(0)
show_image(mean3);
a_3 = stacked_threes[1]
apart = (a_3-mean3).abs().mean(), ((a_3-mean3)**2).mean().sqrt(), F.l1_loss(a_3.float(), mean3), F.mse_loss(a_3, mean3).sqrt()
tns = tensor([[1,2,3],[4,5,6]])
kinds = tns.type(), (tns*1.5).type(), tns[:,1].tolist(), tns[1,1:3].tolist(), (tns+1).sum().item()
valid_3,valid_7 = [torch.stack([tensor(Image.open(o)) for o in (path/'valid'/d).ls()]).float()/255 for d in '37']
distance = mnist_distance(valid_3, mean3)
def is_3(x): return mnist_distance(x, mean3)<mnist_distance(x, mean7)
by_mean = (is_3(valid_3).float().mean()+(1-is_3(valid_7).float()).mean())/2
drawing = gv('init->predict->loss->gradient->step->stop; step->predict[label=repeat]')

def f(x): return x**2
plot_function(f, 'x', 'x**2')
plt.scatter(-1.5, f(-1.5), color='red');
xt = tensor([3.,4.,10.]).requires_grad_()
f(xt).sum().backward()
time = torch.arange(0,20).float()
speed = torch.randn(20)*3 + 0.75*(time-9.5)**2 + 1
params = torch.randn(3).requires_grad_()
fits = []
for i in range(10):
    fit_loss = ((params[0]*time**2+params[1]*time+params[2]-speed)**2).mean().sqrt()
    fit_loss.backward()
    params.data -= 1e-5*params.grad.data
    params.grad = None
    fits.append(fit_loss.item())
_,axs = plt.subplots(1, 4, figsize=(12,3))
for ax in axs: ax.scatter(time, to_np(params[0]*time), color='red')

train_x = torch.cat([stacked_threes, stacked_sevens]).view(-1, 28*28)
train_y = tensor([1]*len(threes) + [0]*len(sevens)).unsqueeze(1)
dset = list(zip(train_x, train_y))
valid_x = torch.cat([valid_3, valid_7]).view(-1, 28*28)
valid_y = tensor([1]*len(valid_3) + [0]*len(valid_7)).unsqueeze(1)
valid_dset = list(zip(valid_x, valid_y))
weights,bias = init_params((28*28,1)),init_params(1)
one = (train_x[0]*weights.T).sum() + bias
plot_function(torch.sigmoid, title='Sigmoid', min=-4, max=4)
letters = list(DataLoader(L(enumerate(string.ascii_lowercase)), batch_size=6, shuffle=True))
dl,valid_dl = DataLoader(dset, batch_size=256),DataLoader(valid_dset, batch_size=256)
xb,yb = first(dl)
loss = mnist_loss(linear1(xb, weights, bias), yb)
loss.backward()
weights.grad.zero_()
bias.grad.zero_();
def batch_accuracy(xb, yb): return ((xb.sigmoid()>0.5)==yb).float().mean()
linear_model = nn.Linear(28*28,1)
w,b = linear_model.parameters()
def train_epoch(model, opt):
    for xb,yb in dl:
        mnist_loss(model(xb), yb).backward()
        opt.step()
        opt.zero_grad()
for opt in (BasicOptim(linear_model.parameters(), 1.), SGD(linear_model.parameters(), 1.)):
    for i in range(10): train_epoch(linear_model, opt)
by_hand = torch.stack([batch_accuracy(linear_model(xb), yb) for xb,yb in valid_dl]).mean().item()
dls = DataLoaders(dl, valid_dl)
learn = Learner(dls, nn.Linear(28*28,1), opt_func=SGD, loss_func=mnist_loss, metrics=batch_accuracy)
learn.fit(10, lr=1.)
plot_function(F.relu)
simple_net = nn.Sequential(nn.Linear(28*28,30), nn.ReLU(), nn.Linear(30,1))
net = Learner(dls, simple_net, opt_func=SGD, loss_func=mnist_loss, metrics=batch_accuracy)
net.fit(40, 0.1)
plt.plot(L(net.recorder.values).itemgot(2));
final = net.recorder.values[-1][2]
"""

def test_chapter_4_of_the_fastai_book(capsys):
    s = run_cells(FOUR)
    assert {'train','valid'}<=set(s['names']) and (s['corner'][0]==s['corner'][1].numpy()).all() and s['table'].to_html()
    assert torch.allclose(s['apart'][0], s['apart'][2]) and torch.allclose(s['apart'][1], s['apart'][3])
    assert s['kinds']==('torch.LongTensor', 'torch.FloatTensor', [2,5], [5,6], 27)
    assert s['distance'].shape==s['valid_3'].shape[:1] and s['by_mean']>0.85 and '<svg' in s['drawing']._repr_svg_()
    assert s['xt'].grad.tolist()==[6,8,20] and s['fits'][-1]<s['fits'][0]
    assert sorted(''.join(c for _,cs in s['letters'] for c in cs))==list(string.ascii_lowercase) and s['letters'][0][0].dtype==torch.int64
    assert s['xb'].shape==(120,784) and s['yb'].shape==(120,1) and s['one'].shape==(1,) and not s['weights'].grad.any()
    assert min(s['by_hand'], s['learn'].recorder.values[-1][2], s['final'])>0.85
    head,*rows = capsys.readouterr().out.splitlines()
    assert head.split()==['epoch', 'train_loss', 'valid_loss', 'batch_accuracy', 'time'] and len(rows)==10+1+40

def test_the_last_cells_of_chapter_4(tmp_path):
    "A residual network on folders of pictures, here on forty of them"
    path = everything.untar_data(everything.URLs.MNIST_SAMPLE, 'sample')
    for part in ('train', 'valid'):
        for digit in '37':
            (tmp_path/part/digit).mkdir(parents=True)
            for o in sorted((path/part/digit).iterdir())[:10]: (tmp_path/part/digit/o.name).write_bytes(o.read_bytes())
    s = run_cells("""
dls = ImageDataLoaders.from_folder(path)
learn = cnn_learner(dls, resnet18, pretrained=False, loss_func=F.cross_entropy, metrics=accuracy)
learn.fit_one_cycle(1, 0.1)
""", path=tmp_path)
    assert s['learn'].recorder.values[0][2]>=0 and s['dls'].c==2 and len(s['dls'].train_ds)==20

def test_the_network_of_chapter_13_learns():
    "With the optimizer and the learning rate that a Learner has where nobody names one"
    s = run_cells("""
set_seed(42)
dls = ImageDataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE, 'sample'), channels=1, bs=16)
dls.show_batch(max_n=4)
xb,yb = first(dls.valid)
xb,yb = to_cpu(xb),to_cpu(yb)
def conv(ni, nf, ks=3, act=True):
    layer = nn.Conv2d(ni, nf, stride=2, kernel_size=ks, padding=ks//2)
    return nn.Sequential(layer, nn.ReLU()) if act else layer
simple_cnn = sequential(conv(1,4), conv(4,8), conv(8,16), conv(16,32), conv(32,2, act=False), Flatten())
shape = simple_cnn(xb).shape
learn = Learner(dls, simple_cnn, loss_func=F.cross_entropy, metrics=accuracy)
learn.fit_one_cycle(2, 0.01)
""")
    assert s['shape']==(32,2) and s['learn'].recorder['accuracy'][-1]>0.9

SEVENTEEN = """
set_seed(42)
m1,m2 = torch.randn(5,28*28),torch.randn(784,10)
products = [f(m1[:2,:20], m2[:20]) for f in (matmul_loops, matmul_dot, matmul_bcast, matmul_einsum, matmul)]
a,b,m = tensor([10.,6,-4]),tensor([2.,8,7]),tensor([[1.,2,3],[4,5,6],[7,8,9]])
elementwise = (a+b).tolist(), (a<b).tolist(), (a<b).all().item(), (m*m)[2,2].item()
c = tensor([10.,20,30])
t = c.expand_as(m)
broadcast = t.stride(), (m+c)[1].tolist(), (c.unsqueeze(1)+m)[:,0].tolist(), c[None,:].shape, c[...,None].shape
def by_einsum(a, b): return torch.einsum('ik,kj->ij', a, b)
explain_broadcast((3,1), (1,4));

x,y = torch.randn(200,100),torch.randn(200)
w1,b1,w2,b2 = torch.randn(100,50)*sqrt(2/100),torch.zeros(50),torch.randn(50,1)*sqrt(1/50),torch.zeros(1)
l1 = relu(lin(x, w1, b1))
def model(x): return lin(relu(lin(x, w1, b1)), w2, b2)
class Neurons:
    def __init__(self, *layers): self.layers = layers
    def __call__(self, x, targ):
        for l in self.layers: x = l(x)
        self.loss = Mse()
        return self.loss(x, targ)
    def backward(self):
        self.loss.backward()
        for l in reversed(self.layers): l.backward()
by_lists = Neurons(Lin(w1, b1), Relu(), Lin(w2, b2))

class MyRelu(LayerFunction):
    def forward(self, inp): return inp.clamp_min(0.)
    def bwd(self, out, inp): inp.g = (inp>0).float()*out.g

class MyLin(LayerFunction):
    def __init__(self, w, b): self.w,self.b = w,b
    def forward(self, inp): return inp@self.w + self.b
    def bwd(self, out, inp):
        inp.g,self.w.g,self.b.g = out.g@self.w.t(),inp.t()@out.g,out.g.sum(0)

class MyMse(LayerFunction):
    def forward(self, inp, targ): return (inp.squeeze(-1)-targ).pow(2).mean()
    def bwd(self, out, inp, targ): inp.g = 2*(inp.squeeze(-1)-targ).unsqueeze(-1)/targ.shape[0]

def grads(params): return [o.g.clone() for o in params]
found = []
layers = [MyLin(w1, b1), MyRelu(), MyLin(w2, b2)]
out = x
for l in layers: out = l(out)
mse_layer = MyMse()
losses = [mse_layer(out, y).item()]
mse_layer.backward()
for l in reversed(layers): l.backward()
found.append(grads((w1,b1,w2,b2)))
for net in (Model(w1, b1, w2, b2), by_lists):
    losses.append(net(x, y).item())
    net.backward()
    found.append(grads((w1,b1,w2,b2)))
losses.append(float(forward_and_backward(x, y, w1, b1, w2, b2)))
found.append(grads((w1,b1,w2,b2)))

class Two(Module):
    def __init__(self, n_in, nh, n_out): self.layers,self.loss = nn.Sequential(nn.Linear(n_in,nh), nn.ReLU(), nn.Linear(nh,n_out)),mse
    def forward(self, x, targ): return self.loss(self.layers(x).squeeze(), targ)
two = Two(100, 50, 1)
two(x, y).backward()
lin1,lin2 = LinearLayer(10,2).parameters()
"""

def test_chapter_17_of_the_fastai_book():
    s = run_cells(SEVENTEEN)
    want = s['m1'][:2,:20]@s['m2'][:20]
    assert all(torch.allclose(o, want, atol=1e-4) for o in s['products'])
    assert s['elementwise']==([12,14,3], [False,True,True], False, 81)
    assert s['broadcast']==((0,1), [14,25,36], [11,24,37], (1,3), (3,1))
    assert 0.4<s['l1'].mean()<0.8 and 0.6<s['l1'].std()<1.1 and s['model'](s['x']).shape==(200,1)
    params = [s[o].clone().requires_grad_() for o in ('w1','b1','w2','b2')]
    loss = ((s['x']@params[0]+params[1]).relu()@params[2]+params[3]).squeeze(-1).sub(s['y']).pow(2).mean()
    loss.backward()
    assert all(abs(o-loss.item())<1e-5*loss.item() for o in s['losses'])
    for found in s['found']: assert all(torch.allclose(g, p.grad, atol=1e-4) for g,p in zip(found, params))
    assert len(list(s['two'].parameters()))==4 and all(o.grad is not None for o in s['two'].parameters())
    assert (s['lin1'].shape, s['lin2'].shape)==((2,10), (2,))
