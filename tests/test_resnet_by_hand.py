"Convolution, pooling and batch normalisation with gradients of our own, alone and on our engine, against PyTorch."
import copy, random
from functools import partial
import pytest, torch
import torch.nn.functional as F
from torch import nn
import fastfound.schedules
from fastfound import resnet_by_hand
from fastfound.convolutions import as_pair
from fastfound.engine import Tensor, check_gradients
from fastfound.checkpoints import Checkpoint
from fastfound.weights import model_state
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.basics import set_seed, test_near as near
from fastfound.learner import Callback, Learner
from fastfound.metrics import accuracy
from fastfound.training_loop import HandLearner
from fastfound.optimizers import SGD, MuonSGD
from fastfound.resnet import ResBlock, Skip, resnet18, small_resnet
from fastfound.resnet_by_hand import (TensorModel, batch_norm, batch_norm_grad, conv2d_input_grad, conv2d_weight_grad, max_pool_grad,
                                      max_pool_indices, on_engine)
from learners import same

def randn(*shape): return torch.randn(shape, dtype=torch.float64)

def by_engine(m, x, g):
    "Output, and the gradients of input and parameters"
    x,leaves = Tensor(x, requires_grad=True),{p: Tensor(p.data, requires_grad=True) for p in m.parameters()}
    out = on_engine(m, x, leaves)
    out.backward(g(out.data))
    return out.data,x.grad,*[o.grad for o in leaves.values()]

def by_pytorch(m, x, g):
    m.zero_grad()
    x = x.clone().requires_grad_()
    out = m(x)
    out.backward(g(out.detach()))
    return out.detach(),x.grad,*[p.grad for p in m.parameters()]

def drawn(seed):
    "A function from an output to a gradient of it"
    return lambda out: torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(seed))

def compare(m, x, tol=1e-10, seed=0):
    "PyTorch's output and gradients, for a drawn gradient of the output; an error unless the engine has the same, and the same buffers"
    own = copy.deepcopy(m)
    want,got = by_pytorch(m, x, drawn(seed)),by_engine(own, x, drawn(seed))
    assert len(got)==len(want)
    for a,b in zip(got, want): near(a, b, tol=tol)
    for (k,a),(_,b) in zip(own.named_buffers(), m.named_buffers()):
        if k.split('.')[-1]!='num_batches_tracked': near(a, b, tol=1e-12)
    return want

def test_convolutions():
    "Drawn sizes, channels, strides, paddings and dilations, with and without biases, and weights with the channels last"
    rng,done = random.Random(0),0
    while done<100:
        size,kernel = [rng.randint(1, 9) for _ in range(2)],[rng.randint(1, 4) for _ in range(2)]
        numbers = rng.randint(1, 3),rng.randint(0, 3),rng.randint(1, 3)
        stride,padding,dilation = [rng.choice([n, (n, rng.randint(1, 3))]) for n in numbers]
        if any(n+2*p<d*(k-1)+1 for n,k,p,d in zip(size, kernel, as_pair(padding), as_pair(dilation))): continue
        torch.manual_seed(done)
        m = nn.Conv2d(rng.randint(1, 4), rng.randint(1, 5), kernel, stride, padding, dilation, bias=rng.random()<0.5).double()
        if rng.random()<0.5: m = m.to(memory_format=torch.channels_last)
        x = randn(rng.randint(1, 4), m.in_channels, *size)
        out,x_grad,w_grad,*_ = compare(m, x, seed=done)
        g = drawn(done)(out)
        near(conv2d_input_grad(g, m.weight.data, size, stride, padding, dilation), x_grad, tol=1e-10)
        near(conv2d_weight_grad(g, x, kernel, stride, padding, dilation), w_grad, tol=1e-10)
        done += 1

def test_pooling():
    "Windows that overlap or leave gaps; small whole numbers, of which several in a window are equal; negative numbers at the padding"
    rng = random.Random(0)
    for seed in range(100):
        size = rng.randint(1, 4)
        m = nn.MaxPool2d(size, rng.choice([None, 1, 2, 3]), rng.randint(0, size//2))
        if rng.random()<0.5: m = nn.MaxPool2d((size,3), rng.choice([None, 2, (1,3)]), (size//2, rng.randint(0, 1)))
        settings = as_pair(m.kernel_size),as_pair(m.stride),m.padding
        torch.manual_seed(seed)
        shape = rng.randint(1, 3),rng.randint(1, 3),*[rng.randint(max(size, 3), 9) for _ in range(2)]
        x = randn(*shape) if rng.random()<0.5 else torch.randint(-3, 0, shape).double()
        want,x_grad = compare(m, x, seed=seed)
        out,indices = max_pool_indices(x, *settings)
        near(out, want)
        near(max_pool_grad(drawn(seed)(out), indices, x.shape, *settings), x_grad, tol=1e-10)
        for m in (nn.AdaptiveMaxPool2d(1), nn.AdaptiveMaxPool2d((1,1)), nn.AdaptiveAvgPool2d(1)): compare(m, x, seed=seed)

@pytest.mark.parametrize('training', [True, False])
def test_batch_normalisation(training):
    "Drawn shapes, eps and momentum, in training and in evaluation; running statistics that a batch has moved"
    rng = random.Random(0)
    for seed in range(50):
        torch.manual_seed(seed)
        m = nn.BatchNorm2d(rng.randint(1, 4), rng.choice([1e-5, 0.1]), rng.choice([0.1, 0.5, 1., 0.])).double()
        for p in m.parameters(): nn.init.normal_(p)
        shape = rng.randint(2, 4),m.num_features,rng.randint(1, 5),rng.randint(1, 5)
        m(3*randn(*shape)+2)
        x = 3*randn(*shape)+2
        m.train(training)
        var,mean = torch.var_mean(x, (0,2,3), correction=0) if training else (m.running_var.clone(), m.running_mean.clone())
        out,x_grad,*_ = compare(m, x, seed=seed, tol=1e-9)  # two numbers in a channel: the parts of the gradient cancel
        std = (var+m.eps).sqrt()
        x_hat = (x-mean[:,None,None])/std[:,None,None]
        near(batch_norm_grad(drawn(seed)(out), x_hat, m.weight.data/std, training), x_grad, tol=1e-9)
    assert m.training==training

def test_pooling_of_the_engine_needs_a_pixel_in_each_window():
    "As PyTorch's, which it otherwise agrees with; 0 is a step and not the default"
    x = randn(1,2,6,6)
    for kw in ({'padding': 2}, {'padding': (0,2)}, {'stride': 0}, {'stride': (1,0)}, {'padding': -1}, {'stride': -1}):
        with pytest.raises(RuntimeError): F.max_pool2d(x, 3, **kw)
        with pytest.raises((ValueError, RuntimeError)): Tensor(x).max_pool2d(3, **kw)
    for kw in ({'stride': None}, {'stride': (1,)}, {'padding': [1,0]}):
        near(Tensor(x).max_pool2d(3, **kw).data, F.max_pool2d(x, 3, **kw))
    with pytest.raises(TypeError, match='got size of 1.5, wanted a whole number'): Tensor(x).max_pool2d(1.5)
    with pytest.raises(ValueError, match=r'max_pool2d: got images of shape \(6, 6\), wanted \(n,c,h,w\)'): Tensor(x[0,0]).max_pool2d(2)

def test_batch_normalisation_of_the_engine_does_not_broadcast():
    three,one = [Tensor(torch.ones(n)) for n in (3, 1)]
    def run(x, w=three, b=three, mean=3, var=3, training=True):
        batch_norm(Tensor(torch.randn(x)), w, b, torch.zeros(mean), torch.ones(var), training)
    for bad in ({'x': (2,1,4,4)}, {'x': (2,3,4)}, {'x': (3,4,4)}, {'w': one}, {'b': one}, {'mean': 1}, {'var': 1, 'training': False}):
        with pytest.raises(ValueError, match='batch_norm: got'): run(**{'x': (2,3,4,4), **bad})

def test_central_differences():
    torch.manual_seed(0)
    check_gradients(lambda x,w,b: x.conv2d(w, b, stride=2, padding=1, dilation=2), randn(2,3,7,6), randn(4,3,3,2), randn(4))
    check_gradients(lambda x,w: x.conv2d(w, padding=1), randn(1,2,3,3), randn(2,2,3,3))
    for args in ((2,), (3,2,1), (2,1), ((3,2),)): check_gradients(lambda x: x.max_pool2d(*args), randn(2,2,6,5))

def test_networks():
    "All gradients of whole networks, with skip connections of both kinds"
    torch.manual_seed(0)
    networks = [(small_resnet(), (6,1,28,28)), (small_resnet(7, 3, (4,6,8)), (4,3,9,17)), (resnet18(10), (3,3,33,33)),
                (ResBlock(3, 3), (4,3,6,6)), (ResBlock(3, 5, 2), (4,3,6,6)),
                (Skip(nn.Conv2d(3, 3, 1, bias=False), nn.BatchNorm2d(3)), (4,3,5,5)),
                (nn.Sequential(nn.Flatten(), nn.Linear(12,5), nn.ReLU(), nn.Linear(5,2)), (3,3,2,2))]
    for m,shape in networks:
        for training in (True, False): compare(m.double().train(training), randn(*shape), tol=1e-9)

REFUSED = [
    (nn.Conv2d(4, 4, 3, groups=2), (1,4,5,5), "wanted groups=1 and padding_mode='zeros'"),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode='reflect'), (1,4,5,5), 'wanted groups=1'),
    (nn.Conv2d(4, 4, 3, padding='same'), (1,4,5,5), "got padding of 'same', wanted a whole number, or one for height and one for width"),
    (nn.MaxPool2d(2, ceil_mode=True), (1,4,5,5), 'ceil_mode=False'), (nn.MaxPool2d(2, dilation=2), (1,4,5,5), 'wanted dilation=1'),
    (nn.MaxPool2d(2, padding=2), (1,4,5,5), r'got a padding of 2 for windows of \(2, 2\), wanted at most half of a window'),
    (nn.MaxPool2d((4,2), padding=(2,2)), (1,4,5,5), r'padding of \(2, 2\) for windows of \(4, 2\)'),
    (nn.MaxPool2d(2, stride=0), (1,4,5,5), 'stride should be greater than zero'),
    (nn.MaxPool2d(2, stride=(0,1)), (1,4,5,5), 'stride should be greater than zero'),
    (nn.AdaptiveMaxPool2d(1, return_indices=True), (1,4,5,5), 'return_indices=False'),
    (nn.AdaptiveMaxPool2d(2), (1,4,5,5), 'wanted output_size=1'), (nn.AdaptiveAvgPool2d((1,2)), (1,4,5,5), 'wanted output_size=1'),
    (nn.BatchNorm2d(4, affine=False), (2,4,5,5), 'wanted affine=True'),
    (nn.BatchNorm2d(4, track_running_stats=False), (2,4,5,5), 'track_running_stats=True'),
    (nn.BatchNorm2d(4, momentum=None), (2,4,5,5), 'and a momentum'),
    (nn.BatchNorm2d(4), (1,4,1,1), 'got 1 number in each channel, wanted at least two')]

@pytest.mark.parametrize('m, x, message', REFUSED, ids=str)
def test_modules_that_are_refused(m, x, message):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=message):
        on_engine(m, Tensor(torch.randn(x)), {p: Tensor(p.data) for p in m.parameters()})

@pytest.mark.parametrize('m', [nn.Flatten(0, 1), nn.Flatten(2), nn.Flatten(1, 2), nn.Flatten()], ids=repr)
def test_flattening_of_some_axes(m):
    x = randn(2,3,4,5)
    assert torch.equal(on_engine(m, Tensor(x), {}).data, m(x))

@pytest.mark.parametrize('settings', [((2,),1,1), (1,(2,),1), (2,[1],(2,)), ([2],(1,),[1])], ids=repr)
def test_settings_of_one_number_in_a_tuple(settings):
    "As in PyTorch, and in the backward pass as in the forward pass"
    x,w = randn(2,3,6,7),randn(4,3,3,3)
    check_gradients(lambda x, w: x.conv2d(w, None, *settings), x[:1,:,:5,:5], w[:1])
    assert torch.allclose(Tensor(x).conv2d(Tensor(w), None, *settings).data, F.conv2d(x, w, None, *settings))

def test_pooling_of_no_images():
    x = Tensor(randn(0,3,6,6), requires_grad=True)
    out = x.max_pool2d(2)
    out.sum().backward()
    assert out.shape==(0,3,3,3) and x.grad.shape==x.shape

def test_unknown_modules_are_refused():
    with pytest.raises(TypeError, match='on_engine: got a Dropout, wanted one of Conv2d, '): on_engine(nn.Dropout(), Tensor([1.]), {})
    m = nn.Linear(3, 2, bias=False)
    near(on_engine(m, Tensor(torch.ones(1,3)), {m.weight: Tensor(m.weight.data)}).data, m(torch.ones(1,3)).detach())

# Training

def digits(n=48, dtype=torch.float64):
    "Images of noise in which a bright bar stands in one of four places"
    set_seed(7)
    y = torch.arange(n)%4
    x = torch.randn(n,1,12,12, dtype=dtype)
    for i,k in enumerate(y): x[i,0,:,3*k:3*k+2] += 2
    return DataLoaders(DataLoader((x[:32], y[:32]), 8, shuffle=True), DataLoader((x[32:], y[32:]), 8))

def learner(own, opt_func=partial(SGD, momentum=0.9), dtype=torch.float64):
    "With the engine, or with PyTorch's autograd"
    dls = digits(dtype=dtype)
    set_seed(42)
    module = small_resnet(4, widths=(3,4,6)).to(dtype)
    if not own: return Learner(dls, module, F.cross_entropy, opt_func, metrics=accuracy)
    model = TensorModel(module)
    return HandLearner(dls, model, model.loss, opt_func, metrics=accuracy)

def test_training_is_that_of_pytorch():
    "Fifty steps, with a schedule and a validation after each epoch: losses, metrics, weights and running statistics"
    theirs,ours = learner(False),learner(True)
    for o in (theirs, ours):
        set_seed(1)
        o.fit_one_cycle(13, 0.05, quiet=True)
    assert len(ours.recorder.losses)==52
    near(torch.tensor(ours.recorder.losses), torch.tensor(theirs.recorder.losses), tol=1e-5)
    for a,b in zip(ours.recorder.values, theirs.recorder.values): near(torch.tensor(a), torch.tensor(b), tol=1e-5)
    for (k,a),b in zip(model_state(ours.model).items(), model_state(theirs.model).values()):
        if not k.endswith('tracked'): near(a, b, tol=1e-5)
    assert theirs.recorder.losses[-1]<0.5*theirs.recorder.losses[0]

def test_weights_belong_to_the_module(tmp_path):
    "What is saved loads into PyTorch's model, which then computes the same; lr_find leaves no trace, in running statistics neither"
    learn,theirs = learner(True, MuonSGD, torch.float32),learner(False, dtype=torch.float32)
    learn.fit(1, 0.02, quiet=True)
    before = copy.deepcopy(model_state(learn.model))
    learn.lr_find(n=12, start=1e-4, end=1e-2, show=False)
    assert same(before, model_state(learn.model))
    path = learn.save(tmp_path/'w')
    theirs.load(path)
    near(torch.tensor(theirs.validate()), torch.tensor(learn.validate()), tol=1e-4)
    x = next(iter(learn.dls.valid))[0]
    near(learn.model.predict(x), theirs.model.eval()(x).detach(), tol=1e-4)

class Cut(Exception): pass

class CutAt(Callback):
    run_valid,order = False,-100
    def before_batch(self):
        if (self.learn.epoch, self.learn.iter)==(1, 2): raise Cut

def test_exact_resumption(tmp_path):
    whole,first,second = [learner(True, MuonSGD, torch.float32) for _ in range(3)]
    set_seed(3)
    whole.fit_one_cycle(3, 0.05, quiet=True)
    set_seed(3)
    with pytest.raises(Cut): first.fit_one_cycle(3, 0.05, quiet=True, cbs=[Checkpoint(tmp_path/'c', every=1), CutAt])
    second.fit_one_cycle(3, 0.05, quiet=True, cbs=Checkpoint(tmp_path/'c', every=1))
    assert same(model_state(second.model), model_state(whole.model)) and second.recorder.values==whole.recorder.values

def test_nothing_is_recorded_without_need(monkeypatch):
    "In evaluation the engine keeps no graph, and in training none of the images' gradient"
    model = TensorModel(small_resnet(4))
    with torch.no_grad(): model.predict(torch.randn(2,1,12,12))
    assert not model.logits.requires_grad
    x = torch.randn(4,1,12,12)
    model(x, torch.tensor([0,1,2,3]))
    assert model.logits.requires_grad
    with pytest.raises(ValueError, match='got other logits than those of the last call of predict'):
        model.loss(torch.randn(4,4), torch.tensor([0,1,2,3]))
    channels = []
    def input_grad(g, w, *args):
        channels.append(w.shape[1])
        return conv2d_input_grad(g, w, *args)
    monkeypatch.setattr(resnet_by_hand, 'conv2d_input_grad', input_grad)
    model(x, torch.tensor([0,1,2,3]))
    model.backward()
    assert channels and min(channels)>1 and all(p.g.shape==p.shape for p in model.parameters())
