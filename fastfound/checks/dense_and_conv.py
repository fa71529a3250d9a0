"Chapter 8: a dense and a convolutional network, with dropout."
# mypy: ignore-errors
import torch
import torch.nn.functional as F
from torch import nn
from .mnist_sgd import seeded
from .overfitting import drop
from .spec import check, made, randn

def rows(n): return randn(n, 784, seed=5, dtype=torch.float32).abs()

def dense_shapes(nh=100, p=0.): return [(nh,784), (nh,), (10,nh), (10,)]
def conv_shapes(p=0.): return [(8,1,3,3), (8,), (16,8,3,3), (16,), (10,784), (10,)]
def weights(shapes, positive=False):
    "Numbers for parameters of these shapes, small enough for outputs around 1"
    ws = [randn(*o, seed=i, dtype=torch.float32)*(2/max(torch.Size(o[1:]).numel(), 1))**0.5 for i,o in enumerate(shapes)]
    return [o.abs() for o in ws] if positive else ws

def dense(x, w1, b1, w2, b2): return (x@w1.t()+b1).clamp_min(0)@w2.t()+b2
def conv(x, w1, b1, w2, b2, w3, b3):
    "Each output pixel as a product of a patch and the weights, and the largest of each square of four"
    x = x.view(-1,1,28,28)
    for w,b in ((w1,b1), (w2,b2)):
        n,size = len(x),x.shape[-1]
        x = (w.flatten(1)@F.unfold(x, 3, padding=1)+b[:,None]).clamp_min(0).view(n, len(w), size//2, 2, size//2, 2).amax((3,5))
    return x.flatten(1)@w3.t()+b3

def nets(sizes):
    def inputs():
        for what in ('parameters', 'the output', 'in training'):
            for o in sizes: yield what,*o
        yield 'one row',*sizes[0]
    return inputs

def network_of(shapes_of, forward):
    def use(f, what, *args):
        with seeded():
            net = f(*args)
            x = rows(1 if what=='one row' else 5)
            net.eval()(x)  # so that lazy layers have their weights
            found,shapes = list(net.parameters()),shapes_of(*args)
            if what=='parameters' or [tuple(o.shape) for o in found]!=shapes:
                return {'how many': len(found)} | {f'parameter {i}': tuple(o.shape) for i,o in enumerate(found)}
            values = weights(shapes, what=='in training')
            if what=='in training':  # two outputs each show a unit
                values[-2:] = torch.eye(5, shapes[-2][1]).repeat_interleave(2, 0),torch.zeros(10)
            with torch.no_grad():
                for o,w in zip(found, values): o.copy_(w)
                if what!='in training': return {'the output': net(x)}
                right = forward(x[:1], *values)[0]
                ratio = net.train()(x[:1].repeat(400, 1))/right
                again = net.eval()(x[:1])[0]
        dropped = ratio.abs()<1e-4
        factors = ', '.join(sorted({f'{o:.3f}' for o in ratio[~dropped].tolist()})[:4])
        return {'hidden units that are kept are multiplied by': factors or 'none is kept',
                'the fraction of hidden units set to 0 is about': f'{dropped.double().mean().item():.1f}',
                'a unit is dropped for all outputs': torch.equal(dropped[:,::2], dropped[:,1::2]),
                'in evaluation all are kept': torch.allclose(again, right, rtol=1e-3)}
    def wanted(what, *args):
        p,shapes = next((o for o in args if isinstance(o, float)), 0.),shapes_of(*args)
        if what=='parameters': return {'how many': len(shapes)} | {f'parameter {i}': o for i,o in enumerate(shapes)}
        if what!='in training': return {'the output': forward(rows(1 if what=='one row' else 5), *weights(shapes))}
        return {'hidden units that are kept are multiplied by': f'{1/(1-p):.3f}',
                'the fraction of hidden units set to 0 is about': f'{p:.1f}',
                'a unit is dropped for all outputs': True, 'in evaluation all are kept': True}
    return use,wanted

class Drop(nn.Module):
    "For the mistakes below"
    def __init__(self, p):
        super().__init__()
        self.p = p
    def forward(self, x): return drop(x, self.p) if self.training else x

use_dense,dense_wanted = network_of(dense_shapes, dense)
use_conv,conv_wanted = network_of(conv_shapes, conv)

def dense_with(*layers):
    def wrong(nh=100, p=0.): return nn.Sequential(*[o for f in layers for o in f(nh, p)])
    return made(use_dense, wrong)

def first(nh, p): return [nn.Linear(784, nh), nn.ReLU()]
def dropped(nh, p): return [Drop(p)]*(p>0)
def second(nh, p): return [nn.Linear(nh, 10)]

check('dense_net', '08', nets([(), (30,), (20,0.5), (12,0.2)]), use=use_dense, near=1e-4, facts=True, names=('looks at', 'nh', 'p'),
      same=('dense_net',),
      hints=('It is `dense` above, with one more layer. Where does the dropout belong, and when is there none?',
          'In one `nn.Sequential`: linear from 784 to `nh`, ReLU, `Dropout(p)` only if `p` is above 0 (`*[Dropout(p)]*(p>0)` is that '
          'layer or none), linear from `nh` to 10.'), mistakes={
    'there is no ReLU between the two linear layers, so that they do what one would do':
        dense_with(lambda nh, p: [nn.Linear(784, nh)], dropped, second),
    'there is no dropout; it comes before the last layer if `p` is above 0': dense_with(first, second),
    'the dropout comes after the last layer and drops logits; put it before that layer': dense_with(first, second, dropped),
    'the dropout comes first and drops pixels; put it before the last layer': dense_with(dropped, first, second),
    '`nh` makes no difference here; it is the number of hidden units': dense_with(lambda nh, p: first(100, p), dropped,
        lambda nh, p: second(100, p)),
    'the last layer is followed by a ReLU; logits may be negative': dense_with(first, dropped, second, lambda nh, p: [nn.ReLU()]),
    'the outputs are probabilities; leave the softmax to the loss': dense_with(first, dropped, second,
        lambda nh, p: [nn.Softmax(1)])})(dense_wanted)

def conv_with(*layers):
    def wrong(p=0.): return nn.Sequential(nn.Unflatten(1, (1,28,28)), *[o for f in layers for o in f(p)])
    return made(use_conv, wrong)

def block(n_in, n_out, act=nn.ReLU, pool=nn.MaxPool2d): return lambda p: [nn.Conv2d(n_in, n_out, 3, padding=1), act(), pool(2)]
def end(p): return [nn.Flatten(), *[Drop(p)]*(p>0), nn.Linear(16*7*7, 10)]

check('conv_net', '08', nets([(), (0.5,), (0.2,)]), use=use_conv, near=1e-4, facts=True, names=('looks at', 'p'), same=('conv_net',),
      hints=('It is `conv` above, with one more layer. What shape has a batch after each of its layers?',
          '`nn.Unflatten(1, (1,28,28))`; a convolution of 3 by 3 with a padding of 1 to 8 channels, ReLU, max pooling by 2; the same to '
          '16 channels; `nn.Flatten()`, the dropout if `p` is above 0, and a linear layer from 16*7*7 to 10.'), mistakes={
    'the second convolution has no ReLU after it': conv_with(block(1, 8), block(8, 16, nn.Identity), end),
    'the first convolution has no ReLU after it, so that it could be left out': conv_with(block(1, 8, nn.Identity), block(8, 16), end),
    'the mean of four pixels is taken; take the largest, with `nn.MaxPool2d(2)`':
        conv_with(block(1, 8, pool=nn.AvgPool2d), block(8, 16, pool=nn.AvgPool2d), end),
    'there is no dropout; it comes before the last layer if `p` is above 0': conv_with(block(1, 8), block(8, 16), lambda p: end(0)),
    'the dropout comes after the last layer and drops logits; put it before that layer':
        conv_with(block(1, 8), block(8, 16), lambda p: [*end(0), *[Drop(p)]*(p>0)]),
    'the convolutions have 16 and 32 channels; this network has 8 and 16':
        conv_with(block(1, 16), block(16, 32), lambda p: [nn.Flatten(), *[Drop(p)]*(p>0), nn.Linear(32*7*7, 10)]),
    'the convolutions have no padding, so that the images shrink at their edges; `padding=1` keeps their size': conv_with(
        lambda p: [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.MaxPool2d(2)],
        lambda p: [nn.Flatten(), *[Drop(p)]*(p>0), nn.Linear(16*5*5, 10)])})(conv_wanted)
