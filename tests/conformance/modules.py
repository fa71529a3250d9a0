"PyTorch's databases of modules and of criteria: the inputs for our layers and losses, in float64, with the gradients of all parameters."
import copy
import torch
from torch import nn
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_nn import criterion_tests
from fastfound import backprop, convolutions, fully_connected
from fastfound.engine import Tensor
from fastfound.resnet_by_hand import on_engine
from outcomes import engine_results, outcome, results

def like(ours, theirs):
    "Our layer with the weights and statistics of its twin"
    state = {k: v for k,v in theirs.state_dict().items() if k in dict(ours.state_dict())}
    ours.load_state_dict(state)
    return ours.double().train(theirs.training)

def functional(f, *names):
    "A layer that calls `f` with the input, and with those of its twin's attributes that we have names for"
    return lambda twin, args, kw: lambda x: f(x, *(getattr(twin, o) for o in names))

def pooling(f):
    "Our pooling has windows side by side; anything else its arguments refuse"
    def make(twin, args, kw):
        twin_of = dict(zip(('kernel_size','stride','padding'), args)) | kw
        return lambda x: f(x, twin_of.pop('kernel_size'), **twin_of)
    return make

OURS = {
    'nn.Linear': lambda twin, args, kw: like(backprop.LinearLayer(*args, **kw), twin),
    'nn.BatchNorm2d': lambda twin, args, kw: like(convolutions.BatchNorm(*args, **kw), twin),
    'nn.Conv2d': lambda twin, args, kw: lambda x: convolutions.conv2d(
        x, twin.weight, twin.bias, twin.stride, twin.padding, twin.dilation, **{'groups': twin.groups for _ in range(twin.groups>1)}),
    'nn.MaxPool2d': pooling(convolutions.max_pool2d), 'nn.AvgPool2d': pooling(convolutions.avg_pool2d),
    'nn.ReLU': functional(fully_connected.relu), 'nn.Softmax': functional(backprop.softmax, 'dim'),
    'nn.LogSoftmax': functional(backprop.log_softmax, 'dim')}
ENGINE = nn.Conv2d,nn.MaxPool2d,nn.AdaptiveMaxPool2d,nn.AdaptiveAvgPool2d,nn.BatchNorm2d,nn.Linear,nn.ReLU

def by_engine(twin, x):
    "Value and gradients of a module on our engine: of its input and of its parameters"
    leaves = {p: Tensor(p.detach().clone(), requires_grad=True) for p in twin.parameters()}
    x = Tensor(x.detach().clone(), requires_grad=True)
    return engine_results(on_engine(twin, x, leaves), [x, *leaves.values()])

def module_checks():
    for info in module_db:
        if not (info.name in OURS or info.module_cls in ENGINE): continue
        for training in (True, False):
            for i,o in enumerate(info.module_inputs_func(info, 'cpu', torch.float64, True, training)):
                args,kw = o.constructor_input.args,o.constructor_input.kwargs
                x = [*o.forward_input.args, *o.forward_input.kwargs.values()][0].detach()
                twin = info.module_cls(*args, **kw).double().train(training)
                name = f"{info.name} {i} {args} {kw} {'training' if training else 'evaluation'} {tuple(x.shape)}"
                def theirs():
                    m,leaf = copy.deepcopy(twin),x.clone().requires_grad_()
                    return results(m(leaf), [leaf, *m.parameters()])
                if info.name in OURS:
                    def ours():
                        m,leaf = OURS[info.name](copied := copy.deepcopy(twin), args, kw),x.clone().requires_grad_()
                        return results(m(leaf), [leaf, *(m if isinstance(m, nn.Module) else copied).parameters()])
                    yield f'layer: {name}',*outcome(ours, theirs)
                if info.module_cls in ENGINE: yield f'engine: {name}',*outcome(lambda: by_engine(copy.deepcopy(twin), x), theirs)

# what the database of modules and that of criteria call a loss: ours as functions of predictions and targets
LOSSES = {
    'CrossEntropyLoss': [('function', lambda p, t, **kw: backprop.cross_entropy(p, t, **kw)),
                         ('engine', lambda p, t, **kw: p.cross_entropy(t, **kw))],
    'MSELoss': [('function', lambda p, t, **kw: fully_connected.mse(p, t, **kw))]}
DEFAULTS = {'reduction': 'mean', 'label_smoothing': 0., 'weight': None, 'ignore_index': -100}

def loss_checks(name, twin, pred, targ, desc):
    kw = {k: v for k,v in vars(twin).items() if k in DEFAULTS and not isinstance(v, torch.Tensor) and v!=DEFAULTS[k]}
    if getattr(twin, 'weight', None) is not None: kw['weight'] = twin.weight
    pred = pred.detach()
    def theirs():
        leaf = pred.clone().requires_grad_()
        return results(twin(leaf, targ), [leaf])
    for what,f in LOSSES[name]:
        def ours():
            leaf = Tensor(pred.clone(), requires_grad=True) if what=='engine' else pred.clone().requires_grad_()
            return (engine_results if what=='engine' else results)(f(leaf, targ, **kw), [leaf])
        yield f'{what}: {name} {desc} {kw} {tuple(pred.shape)} {tuple(targ.shape)}',*outcome(ours, theirs)

def criterion_checks():
    for info in module_db:
        name = info.name.removeprefix('nn.')
        if name not in LOSSES: continue
        for o in info.module_inputs_func(info, 'cpu', torch.float64, False, True):
            twin = info.module_cls(*o.constructor_input.args, **o.constructor_input.kwargs).double()
            yield from loss_checks(name, twin, *o.forward_input.args, o.desc)
    for o in criterion_tests:
        name = o['fullname'].partition('_')[0]
        if name not in LOSSES: continue
        targ = o['target_fn']() if 'target_fn' in o else torch.randn(o['target_size'], dtype=torch.float64)
        yield from loss_checks(name, o['constructor'](), torch.randn(o['input_size'], dtype=torch.float64), targ, o['fullname'])

def checks():
    torch.manual_seed(0)
    yield from module_checks()
    yield from criterion_checks()
