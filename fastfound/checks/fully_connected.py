"Chapter 2: a layer, its initial weights, a loss, and layers brought to scale."
# mypy: ignore-errors
import math, random, sys
from contextlib import contextmanager
import torch
from .spec import check, made, randn

def tensors():
    "Numbers of both signs, and exactly 0: of all shapes, also without numbers, single, not contiguous"
    yield torch.tensor([-2.,3.], dtype=torch.float64),
    yield torch.tensor([[-1.,0.,2.],[4.,-5.,-0.5]], dtype=torch.float64),
    for i,shape in enumerate([(1,), (3,), (1,1), (2,3), (5,1), (1,4), (2,3,2), (), (0,), (0,3), (3,0), (7,8)]): yield randn(*shape, seed=i),
    for shape in [(4,), (3,2), (0,2), (6,7)]: yield randn(*shape, seed=9, dtype=torch.float32),
    yield randn(3,4, seed=1).t(),
    yield randn(3,8, seed=2)[:,::2],
    yield 1e30*randn(2,3, seed=3),
    yield 1e-30*randn(2,3, seed=4),

@check('relu', '02', tensors, without=('relu', 'numpy'), same=('relu', 'Relu'), hints=(
    'What becomes of a negative number, and what of a positive one? Each number is treated alone, so the shape stays.',
    'The method `clamp_min` raises every number below a limit to that limit; `torch.maximum` and `torch.where` can do it, too. The limit '
    'is 0.'),
    mistakes={
    'this is the absolute value: negative numbers become 0, not positive': lambda x: x.abs(),
    'the positive numbers are set to 0, and the negative ones are kept; it is the other way round': lambda x: x.clamp(max=0),
    'the numbers come back as they are; the negative ones should be 0': lambda x: x.clone(),
    'this says which numbers are positive, as 1 or 0; a ReLU gives the positive numbers themselves': lambda x: (x>0).to(x.dtype),
    'numbers above 1 are cut off; a ReLU has no upper limit': lambda x: x.clamp(0, 1),
    'the negative numbers are left out, so the shape changes; set them to 0 instead': lambda x: x[x>0],
    '`max` is Python\'s, which makes one choice for the whole tensor; `clamp_min` or `torch.where` looks at each number':
        lambda x: max(x, 0)})
def relu(x): return torch.where(x.double()>0, x.double(), torch.zeros_like(x.double())).to(x.dtype)

# kaiming and xavier: how the numbers are distributed

@contextmanager
def seeded():
    "Random numbers start from a seed in here, and go on afterwards as if none had been drawn; gives a function that sets the seed again"
    def start(seed=0):
        torch.manual_seed(seed)
        random.seed(seed)
        if np: np.random.seed(seed)
    np,state = sys.modules.get('numpy'),random.getstate()
    numpy_state = np.random.get_state() if np else None
    with torch.random.fork_rng(devices=[]):
        start()
        try: yield start
        finally:
            random.setstate(state)
            if np: np.random.set_state(numpy_state)

def use_init(f, *args):
    "Shape, dtype and, unless two draws are equal, statistics of what `f` draws: of 40,000 numbers or more"
    with seeded() as start:
        n_in,n_out = args[:2]
        draws = [f(*args) for _ in range(max(2, -(-40_000//(n_in*n_out))))]
        start()
        again = f(*args)
    w = draws[0]
    if not isinstance(w, torch.Tensor): return w
    told = {'its shape': tuple(w.shape), 'its dtype': str(w.dtype), 'two draws are equal': torch.equal(w, draws[1])}
    if told['two draws are equal']: return told
    all_ = torch.stack(draws).detach().double()
    fan = fan_of(*args)
    std = all_.std().item()
    return told | {'its standard deviation, divided by the right one': std*math.sqrt(fan),
            'its mean, in standard deviations': (all_.mean()/std).item() if std else 0.,
            'the fraction within one standard deviation': ((all_-all_.mean()).abs()<std).double().mean().item(),
            'a draw after the same seed is equal': torch.equal(w, again)}

def fan_of(n_in, n_out, *args):
    "One over the variance wanted"
    if args and args[0]=='xavier': return (n_in+n_out)/2
    a,mode = (*args, *(0., 'fan_in')[len(args):])
    return (1+a*a)*{'fan_in': n_in, 'fan_out': n_out}[mode]/2

def normal(n_in, n_out, *_):
    return {'its shape': (n_in,n_out), 'its dtype': 'torch.float32', 'two draws are equal': False,
            'its standard deviation, divided by the right one': 1., 'its mean, in standard deviations': 0.,
            'the fraction within one standard deviation': math.erf(0.5**0.5), 'a draw after the same seed is equal': True}

def layers():
    "Sizes of layers with more inputs than outputs and fewer, slopes, both modes"
    yield 100,400
    yield 400,100
    yield from [(50,900), (1,50_000), (50_000,1), (7,5), (784,60), (200,200)]
    for a in (1., 0.3, 2.): yield from [(100,400,a), (400,100,a)]
    for a in (0., 0.5): yield from [(100,400,a,'fan_out'), (400,100,a,'fan_out'), (300,200,a,'fan_in')]

def scaled(std):
    "The mistake of a standard deviation `std`, from fan, slope and the sizes"
    def wrong(n_in, n_out, a=0., mode='fan_in'):
        return torch.randn(n_in, n_out)*std(dict(fan_in=n_in, fan_out=n_out)[mode], a, n_in, n_out)
    return made(use_init, wrong)

def transposed(n_in, n_out, a=0., mode='fan_in'):
    return torch.randn(n_out, n_in)*math.sqrt(2/((1+a*a)*dict(fan_in=n_in, fan_out=n_out)[mode]))
def uniform(n_in, n_out, a=0., mode='fan_in'):
    return (torch.rand(n_in, n_out)*2-1)*math.sqrt(6/((1+a*a)*dict(fan_in=n_in, fan_out=n_out)[mode]))
def added(n_in, n_out, a=0., mode='fan_in'):
    return torch.randn(n_in, n_out)+math.sqrt(2/((1+a*a)*dict(fan_in=n_in, fan_out=n_out)[mode]))
def fixed(n_in, n_out, a=0., mode='fan_in'): return torch.randn(n_in, n_out, generator=torch.Generator().manual_seed(1))
def unseeded(n_in, n_out, a=0., mode='fan_in'):
    seed = random.SystemRandom().getrandbits(32)
    return torch.randn(n_in, n_out, generator=torch.Generator().manual_seed(seed))*normal_std(n_in, n_out, a, mode)
def normal_std(n_in, n_out, a, mode): return math.sqrt(2/((1+a*a)*dict(fan_in=n_in, fan_out=n_out)[mode]))
def positive(n_in, n_out, a=0., mode='fan_in'):
    return torch.rand(n_in, n_out)*math.sqrt(2/((1+a*a)*dict(fan_in=n_in, fan_out=n_out)[mode]))

check('kaiming', '02', layers, use=use_init, near=0.02, names=('n_in', 'n_out', 'a', 'mode'), without=('init',), same=('kaiming',),
    hints=(
    '`torch.randn(n_in, n_out)` gives numbers of standard deviation 1. What does a factor do to that? And which of the two sizes is the '
    'fan?',
    'The fan is `n_in` for "fan_in" and `n_out` for "fan_out". Multiply the normal numbers by the root of 2 divided by (1+a²) times the '
    'fan.'),
    mistakes={
    'these numbers have the right *variance* as their standard deviation; take the square root: √(2/fan)':
        scaled(lambda fan, a, *_: 2/((1+a*a)*fan)),
    'the 2 is missing: the ReLU that follows halves the mean of the squares, and twice the variance makes up for it':
        scaled(lambda fan, a, *_: math.sqrt(1/((1+a*a)*fan))),
    'the modes are swapped: the fan-in is the number of inputs, `n_in`, and the fan-out that of outputs':
        scaled(lambda fan, a, n_in, n_out: math.sqrt(2/((1+a*a)*(n_in+n_out-fan)))),
    '`mode` makes no difference here; with "fan_out" the fan is `n_out`': scaled(lambda fan, a, n_in, *_: math.sqrt(2/((1+a*a)*n_in))),
    'the slope `a` makes no difference here; a leaky ReLU leaves (1+a²)/2 of the mean of the squares, so divide by 1+a², too':
        scaled(lambda fan, *_: math.sqrt(2/fan)),
    'the slope has to be squared: the variance is 2/((1+a²)·fan)': scaled(lambda fan, a, *_: math.sqrt(2/((1+a)*fan))),
    'these numbers are multiplied by √fan; divide by it: more inputs need smaller weights':
        scaled(lambda fan, a, *_: math.sqrt(2*fan/(1+a*a))),
    'the 2 is *divided* by (1+a²)·fan; this multiplies': scaled(lambda fan, a, *_: math.sqrt(2*(1+a*a)*fan)),
    'the quotient below the root is upside down: more inputs need smaller weights': scaled(lambda fan, a, *_: math.sqrt((1+a*a)*fan/2)),
    '1+a² and the fan are added; multiply them': scaled(lambda fan, a, *_: math.sqrt(2/(1+a*a+fan))),
    'the sign of a² is wrong; what a leaky ReLU keeps of the negative numbers adds to the mean of the squares, so it is 1+a²':
        scaled(lambda fan, a, *_: math.sqrt(2/(abs(1-a*a)*fan)) if abs(a)!=1 else math.inf),
    'the factor is added to the numbers, which shifts their mean; multiply':
        made(use_init, added),
    'these numbers have standard deviation 1; multiply them by √(2/((1+a²)·fan))': scaled(lambda *_: 1.),
    'the matrix is transposed: this book keeps weights as (n_in, n_out), since a batch with an example a row stands on their left':
        made(use_init, transposed),
    'these numbers are all positive; `torch.rand` is uniform from 0 to 1, and `torch.randn` normal around 0': made(use_init, positive),
    'these numbers are distributed uniformly; the docstring asks for normal ones, as from `torch.randn`': made(use_init, uniform),
    'every call gives the same numbers; draw new ones, and leave the seed to whoever calls': made(use_init, fixed),
    'the numbers do not depend on the seed that was set; draw them from the generator that every program shares, as `torch.randn` does':
        made(use_init, unseeded)})(normal)

def pairs():
    "Sizes of layers, of all shapes"
    yield from [(100,400), (400,100), (10,4000), (4000,10), (200,200), (1,40_000), (40_000,1), (7,5), (784,60), (300,500), (50,1000)]

def use_xavier(f, n_in, n_out): return use_init(lambda n_in, n_out, _: f(n_in, n_out), n_in, n_out, 'xavier')

def xavier_scaled(std):
    def wrong(n_in, n_out): return torch.randn(n_in, n_out)*std(n_in, n_out)
    return made(use_xavier, wrong)

check('xavier', '02', pairs, use=use_xavier, near=0.02, names=('n_in', 'n_out'), without=('init',), same=('xavier',), hints=(
    'As `kaiming`, with another standard deviation: what stands in place of fan-in or fan-out?',
    'Normal numbers of shape (n_in,n_out), times the root of 2 divided by the sum of the two sizes.'),
    mistakes={
    'these numbers have the right *variance* as their standard deviation; take the square root': xavier_scaled(lambda n, m: 2/(n+m)),
    'the 2 is missing; the variance is one over the *mean* of fan-in and fan-out, (n_in+n_out)/2': xavier_scaled(lambda n, m: (n+m)**-0.5),
    'this is √(2/n_in), the Kaiming initialisation; add `n_out` below the 2': xavier_scaled(lambda n, m: math.sqrt(2/n)),
    'the quotient below the root is upside down: more inputs and outputs need smaller weights':
        xavier_scaled(lambda n, m: math.sqrt((n+m)/2)),
    'the 2 is *divided* by the sum of fan-in and fan-out; this multiplies': xavier_scaled(lambda n, m: math.sqrt(2*(n+m))),
    'the factor is added to the numbers, which shifts their mean; multiply':
        made(use_xavier, lambda n_in, n_out: torch.randn(n_in, n_out)+math.sqrt(2/(n_in+n_out))),
    'these numbers have standard deviation 1; multiply them by √(2/(n_in+n_out))': xavier_scaled(lambda *_: 1.),
    'fan-in and fan-out are multiplied; add them': xavier_scaled(lambda n, m: math.sqrt(2/(n*m)))})(normal)

# a layer, normalised inputs, a loss

def linear_layers():
    "Inputs, weights and biases: small whole numbers first, then all kinds of sizes"
    def whole(*rows): return torch.tensor(rows, dtype=torch.float64)
    yield whole([1.,2.]),whole([3.],[5.]),torch.tensor([7.], dtype=torch.float64)
    yield whole([1.,2.],[3.,4.]),whole([5.,6.],[7.,8.]),torch.tensor([10.,20.], dtype=torch.float64)
    sizes = [(1,1,1), (2,2,2), (3,2,2), (2,3,2), (2,2,3), (3,3,3), (1,4,3), (4,1,3), (3,4,1), (0,2,3), (2,0,3), (2,3,0), (8,7,5)]
    for i,(n,k,m) in enumerate(sizes): yield randn(n,k, seed=3*i),randn(k,m, seed=3*i+1),randn(m, seed=3*i+2)
    for i,(n,k,m) in enumerate(sizes[1:5]):
        yield randn(n,k, seed=i, dtype=torch.float32),randn(k,m, seed=i+20, dtype=torch.float32),randn(m, seed=i+40, dtype=torch.float32)
    yield randn(3,4, seed=1).t(),randn(2,3, seed=2).t(),randn(4, seed=3)[::2]

def layer(x, w, b): return ((x.double().unsqueeze(2)*w.double().unsqueeze(0)).sum(1) + b.double()).to(x.dtype)

check('lin', '02', linear_layers, without=('linear', 'numpy'), same=('lin', 'Lin', 'LinearLayer'), hints=(
    '`x` is (n,n_in) and `w` (n_in,n_out): in which order do they fit, and what is the shape of their product?',
    'The matrix product with `x` on the left is (n,n_out). `b` is (n_out,), so broadcasting adds it to each row.'),
    mistakes={
    'the biases are missing: add `b` to the product': lambda x, w, b: layer(x, w, torch.zeros_like(b)),
    'the weights are transposed; they are stored as (n_in, n_out), and the product is `x@w`': lambda x, w, b: layer(x, w.t(), b),
    'each *example* gets a bias here; each output has one, the last axis, which broadcasting lines up by itself':
        lambda x, w, b: layer(x, w, torch.zeros_like(b)) + b[:,None],
    'the biases are subtracted; add them': lambda x, w, b: layer(x, w, -b),
    'the biases are added to the inputs, not to the outputs': lambda x, w, b: layer(x+b, w, torch.zeros_like(b)),
    'the factors are in the wrong order: examples are rows of `x`, so `x` stands on the left':
        lambda x, w, b: layer(w, x, torch.zeros_like(b)) + b})(layer)

def with_statistics():
    "Values, and a mean and a standard deviation that are not theirs; also one for each column"
    yield torch.tensor([1.,5.], dtype=torch.float64),3.,2.
    yield torch.tensor([[4.,8.],[6.,2.]], dtype=torch.float64),2.,4.
    for i,shape in enumerate([(1,), (3,), (2,3), (5,1), (0,3), (2,2,2), ()]): yield randn(*shape, seed=i),0.5*i-1,0.5+i
    for i,shape in enumerate([(4,), (3,2)]): yield randn(*shape, seed=i, dtype=torch.float32),0.13,0.31
    yield randn(4,3, seed=1),torch.tensor(0.25, dtype=torch.float64),torch.tensor(3., dtype=torch.float64)
    yield randn(4,3, seed=2),randn(3, seed=3),randn(3, seed=4).abs()+0.5
    yield randn(3,4, seed=5).t(),randn(3, seed=6),randn(3, seed=7).abs()+0.5
    yield randn(3,2, seed=8),-1.,0.125

@check('normalize', '02', with_statistics, without=('numpy',), same=('normalize',), hints=(
    'Two steps: shift the values so that their mean would be 0, then scale them. Use the two numbers given, not those of `x`.',
    'Subtract `mean`, and divide the difference by `std`. A difference needs brackets before it is divided.'),
    mistakes={
    'this takes the mean and standard deviation of `x` itself; all data is normalised with the ones given, those of the training set':
        lambda x, mean, std: (x-x.mean())/(x.std() if x.numel()>1 else math.nan),
    'only the mean is divided: a division comes before a difference, so put the difference in brackets': lambda x, mean, std: x-mean/std,
    'this divides by the variance; divide by the standard deviation': lambda x, mean, std: (x-mean)/std**2,
    'this multiplies by the standard deviation; divide by it': lambda x, mean, std: (x-mean)*std,
    'the mean is added; subtract it': lambda x, mean, std: (x+mean)/std,
    'the difference has the wrong sign: subtract the mean from `x`': lambda x, mean, std: (mean-x)/std,
    'the mean is subtracted, but nothing is divided by `std`': lambda x, mean, std: x-mean})
def normalized(x, mean, std):
    return (x.double()/std - (mean/std if not isinstance(mean, torch.Tensor) else mean.double()/std)).to(x.dtype)

def predictions():
    "Predictions and targets of equal shapes, and of shapes that broadcast, which must be refused"
    def column(*o): return torch.tensor(o, dtype=torch.float64)[:,None]
    yield torch.tensor([3.], dtype=torch.float64),torch.tensor([1.], dtype=torch.float64)
    yield torch.tensor([1.,5.], dtype=torch.float64),torch.tensor([2.,2.], dtype=torch.float64)
    yield column(1.,2.),torch.tensor([1.,2.], dtype=torch.float64)
    yield torch.tensor([1.,2.], dtype=torch.float64),column(1.,2.)
    for i,shape in enumerate([(1,), (3,), (4,1), (1,4), (2,3), (1,1), (2,3,2), (50,), ()]): yield randn(*shape, seed=i),randn(*shape,
        seed=i+50)
    for i,shape in enumerate([(3,), (2,2), (9,)]): yield randn(*shape, seed=i, dtype=torch.float32),randn(*shape, seed=i+50,
        dtype=torch.float32)
    for one,other in [((3,1),(3,)), ((1,),(3,)), ((2,3),(3,)), ((2,3),(2,1)), ((3,),()), ((2,),(3,))]: yield randn(*one,
        seed=1),randn(*other, seed=2)
    yield randn(3,2, seed=1).t(),randn(2,3, seed=2)

REFUSED = 'an error'

def use_loss(f, output, targ):
    if output.shape==targ.shape: return f(output, targ)
    try: return f(output, targ)
    except Exception: return REFUSED

def fit(f):
    "The mistake of `f`, which may refuse shapes that differ, or not"
    def wrong(output, targ):
        assert output.shape==targ.shape
        return f(output, targ)
    def told(output, targ): return f(output, targ) if output.shape==targ.shape else ...
    told.wrong = wrong
    return told

def mean_square(output, targ): return ((output.double()-targ.double())**2).mean().to(output.dtype)

check('mse', '02', predictions, use=use_loss, without=('losses', 'numpy'), same=('mse', 'Mse', 'mse_loss'), names=('output', 'targ'),
    hints=(
    'What should happen if `output` is (n,1) and `targ` (n,)? Refuse that first. Then three steps lead to one number.',
    'An `assert` compares the shapes. Then take the difference, its square by `.pow(2)`, and the mean of all squares.'),
    mistakes={
    'shapes that differ broadcast here, and each prediction is compared with every target; refuse them: `assert output.shape==targ.shape`':
        made(use_loss, lambda o, t: mean_square(o, t)),
    'this is the sum of the squares; the loss is a mean, so divide by their number': fit(lambda o, t: mean_square(o, t)*o.numel()),
    'the sum is divided by the number of rows; divide by that of all values, or take `.mean()`':
        fit(lambda o, t: mean_square(o, t)*o.numel()/(len(o) if o.ndim else 1)),
    'this is half the mean squared error; leave the ½ away': fit(lambda o, t: mean_square(o, t)/2),
    'this is the root of the mean squared error; leave the root away': fit(lambda o, t: mean_square(o, t).sqrt()),
    'these are the absolute differences; square them instead': fit(lambda o, t: (o-t).abs().mean()),
    'the differences are not squared, so that positive and negative ones cancel': fit(lambda o, t: (o-t).mean()),
    'the mean is taken first and squared then; square each difference and take the mean of the squares': fit(lambda o, t: (o-t).mean()**2),
    'this is a difference of squares; square the difference': fit(lambda o, t: (o**2-t**2).mean()),
    'these are all the squares; the loss is one number, their mean': fit(lambda o, t: (o-t)**2),
    'this is a number of Python; a loss stays a tensor, so that its gradient can be found': fit(lambda o, t: mean_square(o, t).item()),
    'predictions and targets are added; take their difference': fit(lambda o, t: mean_square(o, -t)),
    'the difference is doubled, not squared': fit(lambda o, t: 2*(o-t).mean()),
    'this is the *median* of the squares; take their mean': fit(lambda o, t: ((o-t)**2).median()),
    'these are cubes, whose signs cancel; square the differences': fit(lambda o, t: ((o-t)**3).mean())})(
    lambda o, t: ((o.double()-t.double()).square().sum()/o.numel()).to(o.dtype) if o.shape==t.shape else REFUSED)

class Step:
    "A layer that says how it is made"
    def __init__(self, text): self.text,self.f = text,eval(f'lambda x: {text}')
    def __call__(self, x): return self.f(x)
    def __deepcopy__(self, memo): return self
    def __repr__(self): return self.text

class Scaled:
    "A layer with weights `w`, or `weight` as in PyTorch, and biases"
    def __init__(self, w, b=0., act='x', name='w'):
        setattr(self, name, w)
        self.b,self.act,self.name,self.f = b,act,name,eval(f'lambda x: {act}')
    def __call__(self, x): return self.f(x@getattr(self, self.name)+self.b)
    def __deepcopy__(self, memo): return Scaled(getattr(self, self.name).clone(), self.b, self.act, self.name)
    def __repr__(self): return self.act.replace('x', f'(x@{self.name}+{self.b:g})' if self.b else f'(x@{self.name})')

def nets():
    "Layers whose outputs are too large or too small, with biases and nonlinearities, between others that have no weights"
    x = randn(30,6, seed=1)
    def w(n, m, scale, seed): return randn(n, m, seed=seed)*scale
    cut = Step('x.clamp_min(0)')
    yield [Scaled(w(6,4,3,2))],x
    yield [Scaled(w(6,4,0.01,2))],x
    yield [Scaled(w(6,5,3,2)), Scaled(w(5,4,0.1,3))],x
    yield [Scaled(w(6,5,3,2)), cut, Scaled(w(5,4,0.1,3))],x
    yield [Scaled(w(6,5,3,2), 2.), cut, Scaled(w(5,4,5,3), -1.)],x
    yield [Step('x*2'), Scaled(w(6,3,7,4))],x
    yield [Scaled(w(6,8,0.2,5), 0., 'x.clamp_min(0)'), Scaled(w(8,8,0.2,6), 0.5, 'x.clamp_min(0)')],x
    yield [Scaled(w(6,8,4,5), 0.1, 'x+0.1*x.sin()'), Scaled(w(8,3,4,6), 0.1, 'x+0.1*x.sin()')],x
    yield [Scaled(w(6,5,3,2), 0., 'x', 'weight'), cut, Scaled(w(5,4,0.1,3), 1., 'x', 'weight')],x
    yield [Scaled(w(6,5,1,i).float() if i==0 else w(5,5,1,i).float()) for i in range(5)],x.float()
    for scale in (1.2, 1.6, 0.7, 0.5):  # none of them exactly 0.4 from 1
        for args in ((0.4,), (1e-3, 0), (1e-3, 1)): yield [unit(w(6,4,1,2), x, scale)],x,*args
    yield [unit(w(6,5,1,2), x, 0.9), cut, Scaled(w(5,4,5,3))],x,0.2

def unit(w, x, scale):
    "A layer whose output on `x` has this standard deviation"
    return Scaled(w*(scale/(x@w).std()))

def use_lsuv(f, layers, x, *args):
    "Standard deviations after each layer that has weights, and whether anything else has changed"
    have = [o for o in layers if isinstance(o, Scaled)]
    before = [getattr(o, o.name) for o in have]
    values = [o.clone() for o in before]
    f(layers, x, *args)
    told,out = {},x
    for i,layer in enumerate(layers):
        out = layer(out)
        if isinstance(layer, Scaled): told[f'standard deviation after layer {i}'] = out.std().item()
    for i,(layer,w,v) in enumerate(zip(have, before, values)):
        now = getattr(layer, layer.name)
        factor = (now*v).sum()/(v*v).sum()
        told[f'weights {i} are scaled in place'] = now is w
        told[f'weights {i} are scaled by one number'] = bool((now-factor*v).abs().max()<=1e-4*now.abs().max())
    return told

def lsuv_as(scale, times=10, chain=True, every=True, ignores='', asks=False):
    def wrong(layers, x, tol=1e-3, max_iter=10):
        out = x
        for layer in layers:
            w = getattr(layer, 'w', getattr(layer, 'weight', None)) if every else getattr(layer, 'w', None)
            if w is None and asks: w = layer.w
            for _ in range(min(times, max_iter) if w is not None else 0):
                s = scale(layer(out)).item()
                if abs(s-1)<(1e-3 if ignores=='tol' else tol): break
                w /= s
            if chain: out = layer(out)
    return made(use_lsuv, wrong)
def deviation(o): return o.std()

@check('lsuv', '02', nets, use=use_lsuv, near=1.1e-3, names=('layers', 'x', 'tol', 'max_iter'), same=('lsuv',), hints=(
    'Go through the layers with one batch. Where a layer has weights, measure the standard deviation of its output, change the weights, '
    'and measure again. What does the next layer get?',
    'The weights are `getattr(layer, "w", ...)`, or `weight`. At most `max_iter` times: stop if the standard deviation of `layer(x)` is '
    'within `tol` of 1, else divide the weights by it in place. Then the batch becomes the output of the layer. All under '
    '`torch.no_grad()`.'),
    mistakes={
    'every layer is measured on the batch itself; send it on, so that each gets the output of the one before: `x = layer(x)`':
        lsuv_as(deviation, chain=False),
    'one division is not always enough, because of biases and nonlinearities: repeat it until the deviation is within `tol` of 1':
        lsuv_as(deviation, times=1),
    'the weights are divided by the root mean square; divide by the standard deviation of the output':
        lsuv_as(lambda o: o.square().mean().sqrt()),
    'the weights are divided by the variance; divide by the standard deviation, its root': lsuv_as(lambda o: o.var()),
    'no weights are changed: divide those of each layer in place, as with `w /= std`': lsuv_as(lambda o: torch.tensor(1.)),
    'the weights are multiplied by the standard deviation of the output; divide by it': lsuv_as(lambda o: 1/o.std()),
    'only layers with a `w` are scaled; those of PyTorch call it `weight`': lsuv_as(deviation, every=False),
    'not every layer has a `w`: some call it `weight`, and a ReLU has none; `getattr(layer, "w", None)` gives None where there is none':
        lsuv_as(deviation, every=False, asks=True),
    'a layer whose standard deviation is within `tol` of 1 is left as it is; compare with `tol`': lsuv_as(deviation, ignores='tol')})
def units(layers, x, tol=1e-3, max_iter=10):
    "1 after each layer with weights, which are scaled in place, unless it is near enough at first or must not be scaled"
    have = [i for i,o in enumerate(layers) if isinstance(o, Scaled)]
    first = layers[have[0]](x).std().item() if have[0]==0 else 0.
    stays = {0: first} if max_iter==0 or abs(first-1)<tol else {}
    return {f'standard deviation after layer {i}': stays.get(i, 1.) for i in have} | {
        f'weights {i} are scaled {how}': True for i in range(len(have)) for how in ('in place', 'by one number')}
