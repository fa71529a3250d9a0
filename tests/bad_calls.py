"""Bad calls of the public names: one good call of each, and what comes of it when one argument after the other is wrong.

    python tests/bad_calls.py [TEXT]   print the unclear ones, of names with TEXT in them

The library and the side roads are in it. Left out are the functions of lessons, which show an idea naked, and what LEFT_OUT names.
"""
import contextlib, importlib, inspect, io, math, os, re, signal, sys, tempfile, warnings
from functools import cache, partial
from pathlib import Path
import numpy as np, torch, torch.nn.functional as F
from torch import nn
import torch._dynamo  # PyTorch's optimizers import it when first used, and a call that is stopped meanwhile would leave half of it
from PIL import Image
from fastfound.all import *
from fastfound import engine

sys.path.insert(0, str(Path(__file__).parents[1]/'tools'))
import road

# rooms of the library and side roads: where each public name is defined
PAGES = {*road.library(), *road.side_roads()}
MODULES = [module for module,page in road.modules().items() if page in PAGES]

def public(module):
    "The public functions and classes that `module` defines, by name"
    m = importlib.import_module(f'fastfound.{module}')
    return {k: getattr(m, k) for k in m.__all__ if callable(getattr(m, k)) and getattr(getattr(m, k), '__module__', '')==m.__name__}

NAMES = {k: v for o in MODULES for k,v in public(o).items() if not (o=='engine' and k=='Tensor')}
ROOM = {k: o for o in MODULES for k in public(o)}

LEFT_OUT = {  # and why
    **dict.fromkeys('device_name default_device is_main_process Live fastfound_home Callback Recorder Progress Distributed no_grad'.split(),
                    'takes no arguments'),
    **{k: 'an exception' for k,v in NAMES.items() if inspect.isclass(v) and issubclass(v, Exception)},
    **dict.fromkeys('FileInfo SuggestedLRs Evaluation Prediction Question ImageData Ladder'.split(),
                    'a record of values, which others make'),
    **dict.fromkeys('''show_source LazyModule notify operations LRFinder TrackerCallback gunzip gunzip_start verify read_verified
        check_tensor check_options check_choice check_writable checked in_words as_path'''.split(), 'a part of the house, for no caller'),
    **dict.fromkeys('get_fashion get_cifar10 fetch explore_init'.split(), 'needs a network or a long time'),
    **dict.fromkeys('''Optimizer MultiOptimizer Explorable web_file still_svg still_curves skip_batches rng_state set_rng_state set_mode
        get_grads set_grads update_running on_engine TensorModel'''.split(), 'a base or a part of others'),
    **dict.fromkeys('''basic_ink basic_frame reliability calibration_error similarity_baseline digit_sets normalized_sets
        FirstLin ImageModel new_learner resnet_learner mlp'''.split(),
                    'of the story of a page')}

# What good calls are made of

FOLDER = tempfile.TemporaryDirectory()  # which goes with this process

def x(*shape): return torch.rand(*shape, generator=torch.Generator().manual_seed(0))

def name_params():
    "Weights of a model of names with four characters and four places"
    shapes = dict(letters=(4,4), places=(4,4), wq=(4,4), wk=(4,4), wv=(4,4), wo=(4,4), w1=(4,8), w2=(8,4), out=(4,4))
    return {k: x(*o) for k,o in shapes.items()}

def labels(n=6, c=3): return torch.arange(n)%c

def net(): return nn.Sequential(nn.Flatten(), nn.Linear(16,8), nn.ReLU(), nn.Linear(8,3))

def loader(n=6): return DataLoader((x(n,1,4,4), labels(n)), 3)

def loaders(): return DataLoaders(loader(), loader(), ['a','b','c'])

def learner(): return Learner(loaders(), net(), F.cross_entropy, SGD, 0.1, accuracy)

def fitted():
    learn = learner()
    learn.fit(1, quiet=True)
    return learn

def params(): return [nn.Parameter(x(3,2)), nn.Parameter(x(2)), nn.Parameter(x(2,2))]

def tensor_of_ours(*shape): return engine.Tensor(x(*shape), requires_grad=True)

def axes(): return plt.subplots()[1]

@cache
def pictures():
    "A folder with a folder of four pictures for each of two classes"
    folder = Path(tempfile.mkdtemp(dir=FOLDER.name))
    for c in 'ab':
        (folder/c).mkdir()
        for i in range(4): Image.fromarray((x(8,8)*255).byte().numpy()).save(folder/c/f'{i}.png')
    return folder

def files(): return sorted(pictures().glob('*/*.png'))

def spare(name='spare'): return Path(tempfile.mkdtemp(dir=FOLDER.name))/name

def ink():
    paper = torch.zeros(30,30)
    paper[8:22,13:16] = 1
    return paper

SGD(params(), lr=0.1)  # the first optimizer of a process imports a large part of PyTorch

def call(f, *args, **kw): return f,args,kw

def method(make, name, *args, **kw): return getattr(make(), name),args,kw

# For each name a function that returns what to call, and good arguments
GOOD = {
    'set_seed': lambda: call(NAMES['set_seed'], 3),
    'test_near': lambda: call(NAMES['test_near'], x(3), x(3), tol=1e-5),
    'median_time': lambda: call(NAMES['median_time'], lambda: None, budget=0.001),
    'speedup': lambda: call(lambda *o: NAMES['speedup'](*o, 1.), math.sqrt, math.sqrt),
    'atomic_write': lambda: call(NAMES['atomic_write'], spare()),
    'read_runs': lambda: call(NAMES['read_runs'], 'resnet'),
    'image_array': lambda: call(NAMES['image_array'], x(3,4,4)),
    'show_image': lambda: call(show_image, x(4,4), figsize=(1,1), title='a', cmap='gray'),
    'subplots': lambda: call(subplots, 1, 2, figsize=(2,1), imsize=1, suptitle='a'),
    'show_images': lambda: call(show_images, [x(4,4)]*2, 1, 2, titles=['a','b'], imsize=1),
    'plot_function': lambda: call(plot_function, torch.sin, 'x', 'y', title='a', min=-1, max=1, figsize=(2,1)),
    'neutral_colors': lambda: call(NAMES['neutral_colors'], axes()),
    'Table': lambda: call(lambda rows, **kw: repr(Table(rows, **kw)), [{'a': 1.}, {'a': 2.}], a='.2f'),
    'progress_bar': lambda: call(lambda o: list(NAMES['progress_bar'](o)), [1,2]),
    'Graph': lambda: call(lambda *o, **kw: Graph(*o, **kw)._repr_svg_(), [('a','b','')], {'a': 'first'}, {'b': '#ffffff'}, down=True),
    'gv': lambda: call(lambda o: gv(o)._repr_svg_(), 'a->b'),
    'default_collate': lambda: call(default_collate, [(x(2), 1), (x(2), 2)]),
    'DataLoader': lambda: call(lambda *o, **kw: list(DataLoader(*o, **kw)), (x(6,2), labels()), 4, shuffle=True, drop_last=False,
                               generator=3, num_workers=0),
    'DataLoader, items': lambda: call(lambda *o, **kw: list(DataLoader(*o, **kw)), [(x(2), 1)]*6, 4, collate_fn=default_collate,
                                      sampler=[0,2,1]),
    'DataLoaders': lambda: call(lambda *o: DataLoaders(*o).show_batch(2), loader(), loader(), ['a','b','c']),
    'DataLoaders.from_dsets': lambda: call(DataLoaders.from_dsets, (x(6,2), labels()), (x(6,2), labels()), bs=2),
    'DataLoaders.name': lambda: method(loaders, 'name', 1),
    'DataLoaders.show_batch': lambda: method(loaders, 'show_batch', 2),
    'as_images': lambda: call(NAMES['as_images'], x(2,16)),
    'split_batch': lambda: call(NAMES['split_batch'], (x(2,16), labels(2))),
    'class_numbers': lambda: call(NAMES['class_numbers'], labels(4)),
    'map_tensors': lambda: call(NAMES['map_tensors'], torch.neg, [x(2)]),
    'to_device': lambda: call(to_device, [x(2)], 'cpu'),
    'count_rows': lambda: call(NAMES['count_rows'], [x(2)]),
    'concat': lambda: call(NAMES['concat'], [x(2,2), x(3,2)]),
    'to_cpu': lambda: call(to_cpu, [x(2)]),
    'SGD': lambda: call(stepped(SGD), params(), lr=0.1, momentum=0.9, wd=0.1),
    'RMSProp': lambda: call(stepped(RMSProp), params(), lr=0.1, alpha=0.9, eps=1e-8, momentum=0.9, wd=0.1),
    'Adam': lambda: call(stepped(Adam), params(), lr=0.1, betas=(0.9,0.99), eps=1e-8, wd=0.1),
    'AdamW': lambda: call(stepped(AdamW), params(), lr=0.1, betas=(0.9,0.99), eps=1e-8, wd=0.1),
    'Muon': lambda: call(stepped(Muon), params()[:1], lr=0.1, momentum=0.9, ns_steps=5, wd=0.1),
    'MuonSGD': lambda: call(stepped(MuonSGD), params(), lr=0.1, sgd_lr=0.1, momentum=0.9, sgd_momentum=0.9, wd=0.1),
    'orthogonalize': lambda: call(NAMES['orthogonalize'], x(3,2), steps=5),
    'split_params': lambda: call(NAMES['split_params'], params()),
    'resnet_optimizer': lambda: call(NAMES['resnet_optimizer'], params(), 0.1),
    'Optimizer.load_state_dict': lambda: method(lambda: SGD(params(), lr=0.1), 'load_state_dict', SGD(params(), lr=0.1).state_dict()),
    'linear_schedule': lambda: call(lambda *o: linear_schedule(*o)(0.5), 0.1, 1.),
    'cosine_schedule': lambda: call(lambda *o: cosine_schedule(*o)(0.5), 0.1, 1.),
    'one_cycle': lambda: call(lambda *o, **kw: one_cycle(*o, **kw)(0.5), 0.1, 1., 0.01, pct_start=0.2),
    'Scheduler': lambda: call(lambda *o: learner().fit(1, quiet=True, cbs=Scheduler(*o)), one_cycle(0.1, 1, 0.1),
                              cosine_schedule(0.9, 0.8)),
    'suggest_lrs': lambda: call(NAMES['suggest_lrs'], torch.logspace(-5, 0, 50), torch.linspace(3, 1, 50)),
    'plot_lrs': lambda: call(NAMES['plot_lrs'], torch.logspace(-5, 0, 50), torch.linspace(3, 1, 50),
                             NAMES['SuggestedLRs'](0.01, 0.1, 0.05)),
    'valley': lambda: call(NAMES['valley'], torch.logspace(-5, 0, 50), torch.linspace(3, 1, 50)),
    'central_differences': lambda: call(NAMES['central_differences'], lambda o: (o*o).sum(), [x(3).double()], i=0, h=1e-5),
    'lower_is_better': lambda: call(NAMES['lower_is_better'], 'valid_loss'),
    'as_metric': lambda: call(NAMES['as_metric'], accuracy),
    'AvgMetric': lambda: call(lambda f: Learner(loaders(), net(), F.cross_entropy, SGD, 0.1, NAMES['AvgMetric'](f)).validate(), accuracy),
    'predicted_class': lambda: call(NAMES['predicted_class'], x(6,3), -1),
    'class_axis': lambda: call(NAMES['class_axis'], x(6,3), labels()),
    'accuracy': lambda: call(accuracy, x(6,3), labels()),
    'error_rate': lambda: call(error_rate, x(6,3), labels()),
    'Learner': lambda: call(lambda *o, **kw: Learner(*o, **kw).fit(1, quiet=True), loaders(), net(), F.cross_entropy, SGD, 0.1,
                            metrics=[accuracy], cbs=[GradientClip()]),
    'Learner.fit': lambda: method(learner, 'fit', 1, 0.1, cbs=[GradientClip()], quiet=True),
    'Learner.fit_one_cycle': lambda: method(learner, 'fit_one_cycle', 1, 0.1, div=25, div_final=1e5, pct_start=0.25, moms=(0.9,0.8,0.9),
                                            quiet=True),
    'Learner.lr_find': lambda: method(learner, 'lr_find', 1e-6, 10., 40, show=False),
    'Learner.validate': lambda: method(learner, 'validate', loader()),
    'Learner.get_preds': lambda: method(learner, 'get_preds', loader()),
    'Learner.predict': lambda: method(learner, 'predict', x(1,4,4)),
    'Learner.show_results': lambda: method(learner, 'show_results', 4, 2),
    'Learner.show_predictions': lambda: method(learner, 'show_predictions', x(4,1,4,4), x(4,3), labels(4), nrows=2, imsize=1),
    'Learner.top_losses': lambda: method(learner, 'top_losses', 4, 2, show=False),
    'Learner.per_sample_loss': lambda: method(learner, 'per_sample_loss', x(4,3), labels(4)),
    'Learner.tta': lambda: method(learner, 'tta', n=2, augment=Augment()),
    'Learner.save': lambda: method(learner, 'save', spare()),
    'Learner.load': lambda: method(learner, 'load', learner().save(spare())),
    'Learner.make_opt': lambda: method(learner, 'make_opt', 0.1),
    'Recorder.plot_loss': lambda: method(lambda: fitted().recorder, 'plot_loss', 0),
    'Recorder.__getitem__': lambda: method(lambda: fitted().recorder, '__getitem__', 'valid_loss'),
    'count_batches': lambda: call(NAMES['count_batches'], [(x(2), 1)]),
    'model_device': lambda: call(NAMES['model_device'], net()),
    'evaluating': lambda: call(lambda o: NAMES['evaluating'](o).__enter__(), net()),
    'as_callback': lambda: call(NAMES['as_callback'], GradientClip()),
    'Hooks': lambda: call(lambda layers, f: with_hooks(layers, f), [nn.ReLU()], lambda layer,out: None),
    'leaf_modules': lambda: call(NAMES['leaf_modules'], net()),
    'as_viewed': lambda: call(NAMES['as_viewed'], Image.new('RGB', (5,4)), channels=3),
    'load_image': lambda: call(NAMES['load_image'], files()[0], channels=3, at_least=0),
    'ImageReader': lambda: call(lambda item, *o: NAMES['ImageReader'](*o)(item), files()[0], 3, (8,8), 'crop'),
    'border_median': lambda: call(NAMES['border_median'], np.zeros((4,4), np.uint8)),
    'is_picture': lambda: call(NAMES['is_picture'], files()[0]),
    'visible': lambda: call(NAMES['visible'], pictures()),
    'get_image_files': lambda: call(get_image_files, pictures()),
    'list_paths': lambda: call(NAMES['list_paths'], files(), most=5),
    'notify_skipped': lambda: call(NAMES['notify_skipped'], files(), 'file'),
    'labelled_files': lambda: call(NAMES['labelled_files'], pictures()),
    'folder_parts': lambda: call(NAMES['folder_parts'], pictures(), 'train', 'valid'),
    'put_aside': lambda: call(NAMES['put_aside'], [(o, o.parent.name) for o in files()], 0.25, seed=3),
    'read_images': lambda: call(NAMES['read_images'], files(), NAMES['ImageReader'](), damaged='raise', cache_bytes=10**6),
    'label_numbers': lambda: call(NAMES['label_numbers'], ['a','b'], ['a','b']),
    'ImageDataLoader': lambda: call(lambda *o, **kw: list(NAMES['ImageDataLoader'](*o, **kw)), ((x(6,3,4,4)*255).byte(), labels()), 4,
                                    shuffle=True),
    'ImageDataLoaders': lambda: call(lambda *o: ImageDataLoaders(*o).show_batch(2), loader(), loader(), ['a','b','c']),
    'ImageDataLoaders.from_folder': lambda: call(ImageDataLoaders.from_folder, pictures(), valid_pct=0.25, seed=3, bs=2, size=8,
                                                 channels=1),
    'ImageDataLoaders.from_lists': lambda: call(ImageDataLoaders.from_lists, pictures(), [f'{c}/{i}.png' for c in 'ab' for i in range(4)],
                                                [*'aaaabbbb'], valid_pct=0.25, seed=3),
    'ImageDataLoaders.from_name_func': lambda: call(ImageDataLoaders.from_name_func, pictures(), files(), lambda o: o[0], seed=3),
    'ImageDataLoaders.from_name_re': lambda: call(ImageDataLoaders.from_name_re, pictures(), files(), r'^(\d)', valid_pct=0.25),
    'ImageDataLoaders.from_files': lambda: call(ImageDataLoaders.from_files, [(o, o.parent.name) for o in files()],
                                                [(o, o.parent.name) for o in files()], ['a','b'], bs=2),
    'write_state': lambda: call(NAMES['write_state'], spare(), 'weights', weights={'a': x(2)}),
    'read_state': lambda: call(NAMES['read_state'], learner().save(spare()), 'weights', weights=dict),
    'model_state': lambda: call(NAMES['model_state'], net()),
    'check_model_state': lambda: call(NAMES['check_model_state'], net(), net().state_dict()),
    'load_model_state': lambda: call(NAMES['load_model_state'], net(), net().state_dict()),
    'is_slower_in': lambda: call(NAMES['is_slower_in'], torch.bfloat16),
    'MixedPrecision': lambda: call(lambda *o: learner().fit(1, quiet=True, cbs=MixedPrecision(*o)), torch.bfloat16, False),
    'explore_matmul': lambda: call(explore_matmul, ((1,2),(3,4)), ((1,2),(3,4))),
    'explore_broadcast': lambda: call(explore_broadcast, (5,1), (4,)),
    'explore_backprop': lambda: call(explore_backprop),
    'explore_lr': lambda: call(explore_lr, torch.arange(9.), torch.arange(9.)**2, steps=5),
    'predict': lambda: call(NAMES['predict'], 'Is it 2?', ['2', '3'], '2', 'One and one.'),
    'lines_in_order': lambda: call(NAMES['lines_in_order'], show_images, {'    pass': 'It does nothing.'}, {1: []}),
    'explore_kernel': lambda: call(explore_kernel, x(2,28,28)),
    'explore_paths': lambda: call(explore_paths, 50., lr=1.85, momentum=0.8, adam_lr=0.3),
    'explore_playground': lambda: call(explore_playground, [(1.,2.,1.), (2.,1.,-1.)], (4,), steps=1, seed=3),
    'explore_attention': lambda: call(explore_attention, name_params(), 'ab', '.abc', heads=2, seed=3),
    'einsum': lambda: call(einsum, 'ij,jk->ik', x(2,3), x(3,4)),
    'matmul_compiled': lambda: call(NAMES['matmul_compiled'], x(2,3), x(3,4)),
    'matmul_blocked': lambda: call(NAMES['matmul_blocked'], x(2,3), x(3,4), cache=2**20),
    'all_versions': lambda: call(NAMES['all_versions'], 'cpu'),
    'ladder': lambda: call(lambda *o, **kw: repr(ladder(*o, **kw)), 2, 3, 4, {'einsum': matmul_einsum}, budget=0.001, threads=1,
                           device='cpu'),
    'unbroadcast': lambda: call(NAMES['unbroadcast'], x(3,4), x(1,4)),
    'check_gradients': lambda: call(NAMES['check_gradients'], lambda a: (a*a).sum(), x(3).double(), h=1e-5, tol=1e-6),
    'cat': lambda: call(NAMES['cat'], [tensor_of_ours(2,3), tensor_of_ours(2,3)], dim=0),
    'probabilities': lambda: call(probabilities, x(6,3)),
    'to_np': lambda: call(to_np, x(3)),
    'confusion_matrix': lambda: call(confusion_matrix, labels(), labels(), c=3),
    'most_confused': lambda: call(most_confused, labels(), labels(), n=3),
    'weights_path': lambda: call(NAMES['weights_path'], spare()),
    'best_epoch': lambda: call(NAMES['best_epoch'], [3.,1.,2.], lower=True, min_delta=0),
    'EarlyStopping': lambda: call(lambda *o, **kw: learner().fit(1, quiet=True, cbs=EarlyStopping(*o, **kw)), 'valid_loss', 3, 0.1),
    'SaveBest': lambda: call(lambda *o, **kw: learner().fit(1, quiet=True, cbs=SaveBest(*o, **kw)), spare(), 'valid_loss'),
    'Checkpoint': lambda: call(lambda *o, **kw: learner().fit(1, quiet=True, cbs=Checkpoint(*o, **kw)), spare(), every=1),
    'ActivationStats': lambda: call(lambda **kw: learner().fit(1, quiet=True, cbs=ActivationStats(**kw)), bins=10, low=-1., high=3.),
    'GradientClip': lambda: call(lambda *o: learner().fit(1, quiet=True, cbs=GradientClip(*o)), 1.),
    'out_size': lambda: call(NAMES['out_size'], 28, 3, stride=2, padding=1, dilation=1),
    'conv2d': lambda: call(conv2d, x(2,3,5,5), x(4,3,3,3), x(4), stride=1, padding=1, dilation=1),
    'max_pool2d': lambda: call(max_pool2d, x(2,3,4,4), 2),
    'avg_pool2d': lambda: call(avg_pool2d, x(2,3,4,4), 2),
    'BatchNorm': lambda: call(lambda c, inp, **kw: BatchNorm(c, **kw)(inp), 3, x(2,3,4,4), eps=1e-5, momentum=0.1),
    'init_convs': lambda: call(NAMES['init_convs'], small_resnet(), 'fan_in'),
    'vision_learner': lambda: call(vision_learner, loaders(), tiny_net, False, F.cross_entropy, metrics=[accuracy], n_out=3),
    'show_filters': lambda: call(show_filters, small_resnet(3), nrows=2, imsize=1.),
    'class_activation_map': lambda: call(class_activation_map, small_resnet(3), x(2,1,28,28), 1),
    'parse_cifar': lambda: call(NAMES['parse_cifar'], bytes(3073*2), 'the data'),
    'random_shift': lambda: call(random_shift, x(2,1,8,8), 2, fill=0.),
    'RandomShift': lambda: call(lambda *o: RandomShift(*o)(x(2,1,8,8)), 2, 0.),
    'affine': lambda: call(affine, x(2,1,8,8), angle=10., zoom=1.1, shear=0.1, right=0.1, down=0.1, flip=False, pad='zeros'),
    'Augment': lambda: call(lambda **kw: Augment(**kw)(x(2,1,8,8)), rotate=10., zoom=0.1, shear=0.1, shift=0.1, flip=True, pad='zeros'),
    'random_erase': lambda: call(random_erase, x(2,1,8,8), p=0.5, area=(0.1,0.2), ratio=3.),
    'RandomErasing': lambda: call(lambda **kw: RandomErasing(**kw)(x(2,1,8,8)), p=0.5, area=(0.1,0.2), ratio=3.),
    'extract_ink': lambda: call(NAMES['extract_ink'], (255*(1-ink())).byte(), 'auto'),
    'center_by_mass': lambda: call(NAMES['center_by_mass'], ink()[8:22,10:20], 28),
    'frame_digit': lambda: call(frame_digit, ink(), 28, 20),
    'fit_temperature': lambda: call(NAMES['fit_temperature'], x(6,3), labels()),
    'stroke_digits': lambda: call(NAMES['stroke_digits'], 2, 0),
    'no_digits': lambda: call(NAMES['no_digits'], 2, 0),
    'random_width': lambda: call(NAMES['random_width'], x(3,1,8,8), most=0.5),
    'RandomWidth': lambda: call(NAMES['RandomWidth'], 0.5),
    'DigitReader': lambda: call(lambda item, *o: NAMES['DigitReader'](*o)(item), (255*(1-ink())).byte().numpy(), 'auto'),
    'default_lr': lambda: call(NAMES['default_lr'], 'net'),
    'ModelBundle': lambda: call(NAMES['ModelBundle'], 'net', ['a','b'], NAMES['DigitReader'](), ''),
    'digit_loaders': lambda: call(NAMES['digit_loaders'], get_mnist('sample'), 64, NAMES['DigitReader']()),
    **{f'engine.Tensor.{k}': partial(lambda k, args: method(lambda: tensor_of_ours(4,3), k, *args), k, args) for k,args in {
        'add': (2.,), 'mul': (2.,), 'sub': (2.,), 'div': (2.,), 'pow': (2.,), 'sum': (0,), 'mean': (0,), 'max': (0,), 'min': (0,),
        'var': (0,), 'std': (0,), 'amax': (0,), 'amin': (0,), 'maximum': (x(4,3),), 'minimum': (x(4,3),), 'clamp': (0.1, 0.5),
        'reshape': (3,4), 'view': (3,4), 'flatten': (0,), 'squeeze': (0,), 'unsqueeze': (0,), 'expand': (2,4,3), 'transpose': (0,1),
        'permute': (1,0), 'matmul': (x(3,2),), 'softmax': (-1,), 'log_softmax': (-1,), 'cross_entropy': (labels(4),),
        '__getitem__': (1,)}.items()},
    'engine.Tensor': lambda: call(engine.Tensor, x(3), True),
    'engine.Tensor.where': lambda: method(lambda: tensor_of_ours(4,3), 'where', x(4,3)>0.5, x(4,3)),
    'engine.Tensor.backward': lambda: method(lambda: tensor_of_ours(4,3), 'backward', x(4,3)),
}
LEFT_OUT.update(dict.fromkeys('''check_count check_member check_lr as_pair torch_state set_torch_state surely AtEnd keeps_torch_state
    one_at_a_time computation_graph is_correct metric_name loss_reduction loss_weights check_loss add_loss sample_losses in_full_precision
    as_number Tensors in_words as_path dilate closing local_paper reduced arc bow join Hand'''.split(), 'a part of others'))
LEFT_OUT.update(dict.fromkeys('difference shown Verdict verdict is_empty todo of_the_book check hint'.split(),
                              'judges whatever a reader wrote'))
LEFT_OUT.update(dict.fromkeys('conv2d_weight_grad conv2d_input_grad max_pool_indices max_pool_grad batch_norm_grad batch_norm'.split(),
                              'naked gradients of a lesson'),
                matmul_tiles='needs a GPU', cnn_learner='is vision_learner',
                **dict.fromkeys('Value Neuron Layer MLP'.split(), 'the naked engine of a lesson, and its layers'),
                **dict.fromkeys('backward_order backward_pass power'.split(), 'parts of the engine, on what it has checked'),
                **dict.fromkeys('alone_gap overfit_one_batch duplicates'.split(), 'naked checks of a lesson'),
                **{k: 'of a lesson, naked' for k,room in ROOM.items() if room=='words'})

def tiny_net(n_out, n_in): return nn.Sequential(nn.Conv2d(n_in, n_out, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

def with_hooks(layers, f):
    with Hooks(layers, f):
        for o in layers: o(x(2))

def stepped(opt_func):
    "A function that makes an optimizer and takes a step"
    def make(params, **kw):
        opt = opt_func(params, **kw)
        for group in opt.param_groups:
            for p in group['params']: p.grad = torch.ones_like(p)
        opt.step()
    return make

# What PyTorch has under another roof: a call that this refuses must be refused by ours
def method_twin(name): return lambda bound, *args: getattr(bound.data.detach().clone().requires_grad_(), name)(*map(plain, args))

def plain(o): return o.data if isinstance(o, engine.Tensor) else o

TWINS = {
    'einsum': torch.einsum, 'matmul_compiled': torch.matmul, 'matmul_blocked': lambda a, b, cache: torch.matmul(a, b),
    'conv2d': lambda x, w, b, **kw: F.conv2d(x, w, b, **kw), 'max_pool2d': F.max_pool2d, 'avg_pool2d': F.avg_pool2d,
    'BatchNorm': lambda c, x, **kw: nn.BatchNorm2d(c, **kw)(x), 'cat': lambda ts, dim: torch.cat([plain(o) for o in ts], dim),
    **{k: partial(lambda f, *o, wd=0, **kw: stepped(f)(*o, weight_decay=wd, **kw), getattr(torch.optim, k))
       for k in ('SGD', 'Adam', 'AdamW')},
    **{k: method_twin(k.rpartition('.')[2]) for k in GOOD if k.startswith('engine.Tensor.') and 'cross_entropy' not in k}}

# What is put in place of a good argument

class Odd: "Something that is none of what anybody wants"

def bad_values(good):
    "Names and values that are wrong, or at least suspicious, where `good` is right"
    common = {'None': None, 'an object': Odd(), 'text': 'nonsense', 'a dict': {'a': 1}, 'complex': 1j}
    if isinstance(good, torch.Tensor|engine.Tensor):
        t = good.data if isinstance(good, engine.Tensor) else good
        wrong = {'a list': t.tolist(), 'an array': t.detach().numpy() if t.dtype!=torch.bfloat16 else None, 'a number': 3.5,
                 'complex values': t.to(torch.complex64), 'nothing in it': t[:0], 'one row less': t[:-1], 'one axis more': t[None],
                 'one axis less': t[0], 'a single value': torch.tensor(2.), 'a list of tensors': [t]}
        wrong['another dtype'] = t.long() if t.is_floating_point() else t.float()
        wrong['bool'] = t.bool()
        if t.is_floating_point(): wrong['nan in it'] = torch.full_like(t, math.nan)
        return {**common, **wrong}
    if isinstance(good, bool): return {**common, 'a list': [1], 'nan': math.nan}
    if isinstance(good, int|float):
        return {**common, 'a list': [good, good], 'nan': math.nan, 'infinite': math.inf, 'negative': -7, 'a fraction': good+0.5,
                'a tensor of two': torch.tensor([1.,2.]), 'zero': 0, 'huge': 10**20, 'an array': np.array([1,2])}
    if isinstance(good, str|os.PathLike):
        descriptor = os.open(os.devnull, os.O_RDWR)  # for `open`, a number is a file that is open already, and is closed in the end
        return {**common, 'a number': descriptor, 'a list': [good, good], 'bytes': b'\0', 'empty': '', 'a tensor': x(3), 'nan': math.nan}
    if isinstance(good, list|tuple|dict):
        return {**common, 'a number': 3, 'a list of None': [None]*3, 'empty': () if isinstance(good, tuple) else type(good)(),
                'nan': math.nan, 'negatives': [-1,-2], 'a set': {1,2}, 'a tensor': x(2,2), 'bytes': b'ab',
                'texts': ['a','b'], 'too many': [1]*7}
    odd = {} if callable(good) else {'a function': abs}
    return {**common, **odd, 'a number': 3, 'a list': [1,2], 'a tensor': x(2,2), 'bytes': b'ab', 'nan': math.nan, 'bool': True}

CLEAR = [re.compile(o, re.S) for o in (
    r'\bgot\b.*\bwanted\b', r'\bwanted\b.*\bgot\b', r'must be .*(\bnot\b|\bgot\b)', r'\b[Ee]xpected\b.*(\bgot\b|\bnot\b|\bfound\b)',
    r'argument .* (must|should) be', r'can.t \w+ .*: ', r'[Ss]upported (values|units) are|Did you mean')]

class TooLong(BaseException): "A call took longer than its limit"

@contextlib.contextmanager
def limit(seconds):
    "Inside the block, a TooLong after so many seconds, where the system can tell"
    def stop(*_): raise TooLong
    if not hasattr(signal, 'SIGALRM'): yield; return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try: yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

def outcome(f, args, kw, seconds=20):
    "'accepted', 'clear', 'unclear' or 'hang', and the error in words"
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter('ignore')
        try:
            with limit(seconds): f(*args, **kw)
        except TooLong: return 'hang', f'more than {seconds} seconds'
        except OSError as e: return 'clear' if e.filename is not None or e.errno is None else 'unclear', f'{type(e).__name__}: {e}'
        except Exception as e:
            text = str(e)
            clear = isinstance(e, TypeError|ValueError|RuntimeError|FloatingPointError|IndexError|AssertionError)
            clear = clear and any(o.search(text) for o in CLEAR)
            return 'clear' if clear else 'unclear', f'{type(e).__name__}: {text[:200]}'
        finally:
            if 'matplotlib.pyplot' in sys.modules: plt.close('all')
    return 'accepted', ''

def wrong(name):
    "For each argument of the good call of `name` and each wrong value, what is wrong, and the call: a function and its arguments"
    _,args,kw = GOOD[name]()
    for spot in (*range(len(args)), *kw):
        for what in bad_values(args[spot] if isinstance(spot, int) else kw[spot]):
            f,args_,kw_ = GOOD[name]()
            args_,kw_ = list(args_),dict(kw_)
            place = args_ if isinstance(spot, int) else kw_
            place[spot] = bad_values(place[spot])[what]
            yield f'argument {spot}: {what}',(f, args_, kw_)

def bad_calls(name):
    "For each of these calls what is wrong, the outcome, and the error in words"
    for what,(f,args,kw) in wrong(name): yield what, *outcome(f, args, kw)

def room(name):
    "The module that a row of the table is about"
    return 'engine' if name.startswith('engine') else 'learner' if name.split('.')[0]=='Learner' else ROOM[re.split(r'[., ]', name)[0]]

def wrongly_accepted(name):
    "The bad calls of `name` that ours takes and its twin in PyTorch refuses"
    if name not in TWINS: return
    for what,(f,args,kw) in wrong(name):
        bound = [f.__self__] if isinstance(getattr(f, '__self__', None), engine.Tensor) else []
        twin = outcome(TWINS[name], [*bound, *map(plain, args)], kw)
        if twin[0] in ('clear','unclear') and outcome(f, args, kw)[0]=='accepted': yield f'{what}: {twin[1]}'

def main(text=''):
    from collections import Counter
    plt.switch_backend('agg')
    os.chdir(FOLDER.name)  # where names of files are written that should be none
    total,rooms = Counter(),{}
    for name in GOOD:
        if text not in name: continue
        assert outcome(*GOOD[name]())[0]=='accepted', (name, outcome(*GOOD[name]()))
        found = list(bad_calls(name))
        count = Counter(o for _,o,_ in found)
        total += count
        rooms.setdefault(room(name), Counter()).update(count)
        if count['unclear'] or count['hang']: print(f'{name}: {dict(count)}')
        for what,o,error in found:
            if o in ('unclear','hang'): print(f'    {what}: {error}', flush=True)
        for o in wrongly_accepted(name): print(f'  {name} takes what its twin refuses: {o[:150]}', flush=True)
    for k,o in rooms.items(): print(f"{k}: {dict(o)}, unclear: {o['unclear']/sum(o.values()):.1%}")
    print(dict(total), f"unclear: {total['unclear']/max(1, sum(total.values())):.1%}")

if __name__=='__main__': main(*sys.argv[1:])
