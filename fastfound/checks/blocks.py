"Chapter 7: residual blocks, layers with a skip connection, and a small residual network."
import copy
import torch
import torch.nn.functional as F
from torch import nn
from .resnet import network, network_of, networks, use_network, whole, Apply
from .spec import check, made, randn

def block(n_in, n_out, stride=1, used=(True,True), down_bias=None, down_size=1, shared=False,
          add=lambda self, x, f, y: (f+y).relu(), between=True, strides=None, norms=True, bias=False, down=None,
          down_norm=True, keep=False):
    "A residual block, with a mistake in one of its parts"
    first,second = strides(stride) if strides else (stride,1)
    needs = (n_in!=n_out or stride>1) if down is None else down(n_in, n_out, stride)
    layers = dict(conv1=nn.Conv2d(n_in, n_out, 3, first, 1, bias=bias), conv2=nn.Conv2d(n_out, n_out, 3, second, 1, bias=bias))
    if norms: layers |= dict(bn1=nn.BatchNorm2d(n_out), bn2=nn.BatchNorm2d(n_out))
    if needs: layers |= dict(conv3=nn.Conv2d(n_in, n_out, down_size, stride, down_size//2, bias=bias if down_bias is None else down_bias))
    if needs and down_norm: layers |= dict(bn3=nn.BatchNorm2d(n_out))
    def forward(self, x):
        f = self.conv1(x)
        if norms and used[0]: f = self.bn1(f)
        f = self.conv2(f.relu() if between else f)
        if norms and used[1]: f = (self.bn1 if shared else self.bn2)(f)
        y = self.conv3(x) if needs else x
        return add(self, x, f, self.bn3(y) if needs and down_norm else y)
    return Apply(forward, **layers)

def residual(**kw): return network(lambda *args: block(*args, **kw))

check('ResBlock', '07', networks((1,1), (2,2), (2,3), (2,2,2), (3,4,2), (4,1)), use=use_network, near=1e-9,
      names=('what', 'x', 'n_in', 'n_out', 'stride'),
      same=('ResBlock',),
      hints=('Follow the picture: which layers are in `f`, and where is the sum? Which of the two convolutions has the stride? When does x '
          'not fit the sum?',
          'The layers: `conv3x3(n_in, n_out, stride)` and `conv3x3(n_out, n_out)`, each with an `nn.BatchNorm2d(n_out)`; where '
          '`n_in!=n_out` or the stride is above 1, also a convolution of kernel 1 with this stride and no bias, and a normalisation, for '
          'x. Forward: convolution, norm, ReLU, convolution, norm, plus x or what has been made of it, and ReLU.'), mistakes={
    'the input is not added: this is a plain block': residual(add=lambda self, x, f, y: f.relu()),
    'the input is not added, and there is no 1 by 1 convolution to make it fit: this is a plain block':
        residual(add=lambda self, x, f, y: f.relu(), down=lambda *o: False),
    'what the convolutions compute is subtracted from the input; add it': residual(add=lambda self, x, f, y: (y-f).relu()),
    'there is no batch normalisation after the first convolution, though the layer is there': residual(used=(False,True)),
    'there is no batch normalisation after the second convolution, though the layer is there': residual(used=(True,False)),
    'the same normalisation is used twice; each convolution has its own': residual(shared=True),
    'the 1 by 1 convolution has biases, which batch normalisation subtracts again: `bias=False`': residual(down_bias=True),
    'the input goes through kernels of 3 by 3; to make it fit, a single pixel is enough': residual(down_size=3),
    'where only the channels change, the input does not fit the sum: it needs the 1 by 1 convolution there, too':
        residual(down=lambda n_in, n_out, stride: stride>1),
    'the input is never made to fit; where size or channels change it needs a 1 by 1 convolution': residual(down=lambda *o: False),
    'the ReLU comes before the sum; add first': residual(add=lambda self, x, f, y: f.relu()+y),
    'there is no ReLU after the sum': residual(add=lambda self, x, f, y: f+y),
    'there is no ReLU between the two convolutions': residual(between=False),
    'the stride is that of the second convolution; the first has it': residual(strides=lambda s: (1,s)),
    'both convolutions have the stride, so the sum does not fit; the second has 1': residual(strides=lambda s: (s,s)),
    '`stride` has no effect on the convolutions': residual(strides=lambda s: (1,1)),
    'there is no batch normalisation after the two convolutions': residual(norms=False),
    'the convolutions have biases, which batch normalisation subtracts again: `bias=False`': residual(bias=True),
    'the 1 by 1 convolution has no batch normalisation; it gets one, as every convolution here': residual(down_norm=False),
    'the input goes through a convolution in every block; only where size or channels change does it need one':
        residual(down=lambda *o: True),
    'where only the stride changes the size, the input does not fit the sum: it needs the 1 by 1 convolution there, too':
        residual(down=lambda n_in, n_out, stride: n_in!=n_out),
    'the input is subtracted; add it': residual(add=lambda self, x, f, y: (f-y).relu())})(network_of(block))

# Skip: layers that say how they are made

class Step(nn.Module):
    "A layer that says how it is made"
    def __init__(self, text):
        super().__init__()
        self.text,self.f = text,eval(f'lambda x, w: {text}')
        if 'w' in text: self.w = nn.Parameter(torch.tensor(2., dtype=torch.float64))
    def forward(self, x): return self.f(x, self._parameters.get('w'))
    def __deepcopy__(self, memo): return Step(self.text)
    def __repr__(self): return self.text

def skips():
    x = whole([-3.,-1.],[1.,4.])
    for texts in (['2*x'], ['x-3'], ['-2*x'], ['2*x', 'x-5'], ['x-5', '2*x'], ['w*x'], ['x-1', 'w*x', '-x'], [],
                  ['x.flip(1)'], ['x*x', '-x', 'x+1']):
        yield [Step(o) for o in texts],x
    yield [Step('-w*x'), Step('x+1')],randn(2,3,4,4, seed=1)
    yield [Step('-x')],randn(3, seed=2, dtype=torch.float32)
    yield [Step('w*x')],torch.zeros(0,3, dtype=torch.float64)

def use_skip(cls, layers, x):
    skip = cls(*layers)
    given = {id(p) for o in layers for p in o.parameters()}
    found = {id(p) for p in skip.parameters()} if isinstance(skip, nn.Module) else set()
    return {'output': skip(x).detach(), 'its parameters are those of the layers': found==given}

def skip_with(f, registers=True):
    class Wrong(nn.Module):
        def __init__(self, *layers):
            super().__init__()
            self.layers = nn.ModuleList(layers) if registers else layers
        def forward(self, x): return f(self, x)
    return made(use_skip, Wrong)

def in_a_row(layers, x):
    for o in layers: x = o(x)
    return x

check('Skip', '07', skips, use=use_skip, names=('layers', 'x'), same=('Skip',),
      hints=('`nn.Sequential(*layers)` applies the layers one after the other, and makes their parameters known.',
          'Keep that in `__init__`. In `forward` add its output to `x`, and take the ReLU of the sum, not of one part.'), mistakes={
    'the input is not added: `x + f(x)`': skip_with(lambda self, x: in_a_row(self.layers, x).relu()),
    'there is no ReLU after the sum': skip_with(lambda self, x: x+in_a_row(self.layers, x)),
    'the ReLU comes before the sum; add first': skip_with(lambda self, x: x+in_a_row(self.layers, x).relu()),
    'each layer gets the input of the block; it should get the output of the layer before':
        skip_with(lambda self, x: sum((o(x) for o in self.layers), x).relu()),
    'the input is added after each layer; add it once, in the end':
        skip_with(lambda self, x: in_a_row([lambda y, o=o: x+o(y) for o in self.layers] or [lambda y: y+x], x).relu()),
    'the parameters of the layers are not found: keep them in an `nn.Sequential` or `nn.ModuleList`':
        skip_with(lambda self, x: (x+in_a_row(self.layers, x)).relu(), registers=False)})(
    lambda layers, x: {'output': (x+in_a_row(copy.deepcopy(layers), x)).clamp_min(0).detach(),
                       'its parameters are those of the layers': True})

def small(n_out=10, n_in=1, widths=(16,32,64), order='cpnr', pool=F.max_pool2d, last=lambda x: x.amax((2,3)),
          skip=lambda x, f: (x+f).relu(), first_skips=False,
          bias=False, relu_last=False):
    "The small residual network, with a mistake in one of its parts"
    layers,sizes = {},list(zip((n_in, *widths), widths))
    for i,(a,b) in enumerate(sizes):
        layers |= {f'c{i}': nn.Conv2d(a, b, 3, padding=1, bias=bias), f'n{i}': nn.BatchNorm2d(b)}
        if skip and (i or first_skips): layers |= {f'cs{i}': nn.Conv2d(b, b, 3, padding=1, bias=bias), f'ns{i}': nn.BatchNorm2d(b)}
    def forward(self, x):
        for i in range(len(sizes)):
            for o in order: x = {'c': getattr(self, f'c{i}'), 'p': lambda x: pool(x, 2), 'n': getattr(self, f'n{i}'), 'r': F.relu}[o](x)
            if hasattr(self, f'cs{i}'): x = skip(x, getattr(self, f'ns{i}')(getattr(self, f'cs{i}')(x)))
        return self.linear(last(x))
    return Apply(forward, **layers, linear=nn.Linear(widths[-1], n_out))

def resnet(**kw): return network(lambda *args: small(*args, **kw))

check('small_resnet', '07', networks((3,1,(2,3,4)), (2,2,(3,2,4)), (4,3,(1,2,2)), (10,1), (), least=8), use=use_network, near=1e-9,
      names=('what', 'x', 'n_out', 'n_in', 'widths'), same=('small_resnet',),
      hints=('Read the picture from left to right: which four layers make the image half as large? Which stages end with a `Skip`, and '
          'what is in it?',
          'A stage is `conv3x3`, `nn.MaxPool2d(2)`, `nn.BatchNorm2d`, `nn.ReLU()`. The second and the third end with a `Skip` of '
          '`conv3x3` and `nn.BatchNorm2d`, both of the channels that come out. Last come `nn.AdaptiveMaxPool2d(1)`, `nn.Flatten()` and a '
          'linear layer; all of it in one `nn.Sequential`.'), mistakes={
    'normalisation comes before the pooling; pool first, and it has a quarter of the work': resnet(order='cnpr'),
    'the pooling takes means; this network takes maxima': resnet(pool=F.avg_pool2d),
    'the feature maps are averaged in the end; take the maximum of each': resnet(last=lambda x: x.mean((2,3))),
    'there is no `Skip` at the end of the second and third stage': resnet(skip=None),
    'the first stage ends with a `Skip`, too; only the second and third do': resnet(first_skips=True),
    'the input of the last convolution of a stage is not added to its output': resnet(skip=lambda x, f: f.relu()),
    'the convolutions have biases, which batch normalisation subtracts again; use `conv3x3`': resnet(bias=True),
    'there is no ReLU in the stages': resnet(order='cpn')})(network_of(small))
