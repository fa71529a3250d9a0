"Chapter 2, exercises: the number of parameters, scales that keep numbers in range, what one step and a bias do, and measured scales."
# mypy: ignore-errors
import math
import torch
from .facts import as_tensor
from .fully_connected import randn
from .spec import check, exercise, made

# numbers to predict

def parameters(f): return float(sum(f(n, m) for n,m in ((784,100), (100,50), (50,10))))

exercise('02.1', mistakes={
    'these are the weights alone; each output of a layer has a bias, too': lambda: parameters(lambda n, m: n*m),
    'these are the biases alone; each output of a layer has a weight for every input, too': lambda: parameters(lambda n, m: m),
    'here every *input* of a layer has a bias; it is added to the sum, so each *output* has one': lambda: parameters(lambda n, m: n*m+n),
    'here each layer has a single bias; it has one for each output': lambda: parameters(lambda n, m: n*m+1),
    'these are the pixels and neurons; each neuron has a weight for every number that it gets, and a bias': lambda: 784.+100+50+10,
    'the last layer is left out: the ten outputs have weights and biases, too': lambda: 784.*100+100+100*50+50,
    'the first layer is left out: every pixel has a weight for each of the hidden units': lambda: 100.*50+50+50*10+10,
    })(lambda: parameters(lambda n, m: n*m+m))

def power(answer):
    "Of ten; a draw differs from the prediction by less than one"
    return math.log10(answer) if float(answer)>0 else math.nan

exercise('02.2', use=power, near=0.1, mistakes={
    'this is what happens to the *variance*; the standard deviation is its root': lambda: power(2.**50),
    'this is what a ReLU after each layer would lead to: without one, nothing halves the mean of the squares': lambda: power(1.),
    'the numbers do not shrink: these weights make up for a ReLU that halves the mean of the squares, and there is none':
        lambda: power(0.5**25),
    'the factors of the layers are added; each layer multiplies what the one before gave': lambda: power(50*math.sqrt(2)),
    'this is the factor of a single layer; there are fifty': lambda: power(math.sqrt(2)),
    'this is the standard deviation of the weights; wanted is that of the numbers at the end': lambda: power(math.sqrt(2/100)),
    })(lambda: power(2.**25))

def factor(answer): return 10*float(answer)  # there are 100 inputs

exercise('02.3', use=factor, near=0.01, mistakes={
    'this is right for a plain ReLU; a leaky one keeps a part of the negative numbers, so the weights must be smaller':
        lambda: math.sqrt(2),
    'the slope has to be squared, since a number times 0.3 has 0.3² of the square': lambda: math.sqrt(2/1.3),
    'this is the variance of the weights; the standard deviation is its root': lambda: 10*2/(1.09*100),
    'this is right without any activation function; the leaky ReLU shrinks the negative numbers': lambda: 1.,
    'the 2 is missing: half of the numbers are negative, and of the mean of the squares (1+a²)/2 is left': lambda: math.sqrt(1/1.09),
    'this is the factor alone; divide it by the root of the number of inputs': lambda: 10*math.sqrt(2/1.09),
    'the part that is left, (1+a²)/2, is upside down; it must be made up for': lambda: math.sqrt(1.09/2),
    'the sign of a² is wrong: negative numbers that are kept *add* to the mean of the squares': lambda: math.sqrt(2/0.91),
    })(lambda: math.sqrt(2/1.09))

exercise('02.4', use=float, near=0.01, mistakes={
    'this factor is right without an activation function; tanh(z) is closer to 0 than z, so with it the numbers shrink, layer after layer':
        lambda: 1.,
    'with half of 1/√n the numbers shrink even without a tanh': lambda: 0.5,
    'the numbers stay large, but how many of the last inputs are beyond ±3? That should be less than a tenth': lambda: 3.,
    'this is the factor divided by √n already; wanted is the one of the four by which 1/√n is multiplied': lambda: 5/30,
    'this is the factor of a ReLU, and none of the four': lambda: math.sqrt(2)})(lambda: 5/3)

# what was computed, told by facts about it

def use_step(answer):
    start,change = map(as_tensor, answer)
    start,change = start.detach().double().flatten(),change.detach().double()
    told = {'the shape of the change': tuple(change.shape), 'the number of weights of the second layer': len(start)}
    if change.ndim!=2 or change.shape[1]!=len(start): return told
    pattern = change@start/start.square().sum()
    most = change.abs().max()
    off = (change - pattern[:,None]*start).abs().max()
    return told | {'the weights of the second layer differ': bool((start-start[0]).abs().max()>0),
                   'the weights of the first layer have changed': bool(most>0),
                   'the change is small beside the weights': bool(0<most<0.1),
                   'the units have changed alike': bool((change-change[:,:1]).abs().max()<1e-3*most),
                   "each unit's change is one pattern times its weight in the second layer": bool(most>0 and off<0.02*most)}

STEP = {'the shape of the change': (784,50), 'the number of weights of the second layer': 50,
    'the weights of the second layer differ': True, 'the weights of the first layer have changed': True,
    'the change is small beside the weights': True, 'the units have changed alike': False,
    "each unit's change is one pattern times its weight in the second layer": True}

exercise('02.5', use=use_step, facts=True, mistakes={
    'nothing has changed: `train` changes its tensors in place, so clone the weights of the first layer before, and subtract the clone':
        lambda: STEP | dict(zip(list(STEP)[3:], (False, False, False, False))),
    'the weights of the second layer are all equal; draw them with `kaiming`':
        lambda: STEP | dict(zip(list(STEP)[2:], (False, True, True, True, True))),
    'these are the weights after the step, not their change: subtract those before it, which were all 1/784':
        lambda: STEP | {list(STEP)[-1]: False},
    'these are the first weights transposed: a column for each unit, (784,50)': lambda: {list(STEP)[0]: (50,784), list(STEP)[1]: 50},
    })(lambda: STEP)

def use_dead(answer):
    dead,stds = ([float(o) for o in one] for one in answer)
    told = {'how many layers have a fraction of dead units': len(dead), 'there are three standard deviations or more': len(stds)>=3}
    if not dead or len(stds)<3: return told
    return told | {'all fractions are from 0 to 1': all(0<=o<=1 for o in dead),
                   'in the first layer less than a fifth of the units are dead': dead[0]<0.2,
                   'at the end more than half of the units are dead': dead[-1]>0.5,
                   'the first standard deviation is about √2': 1.2<stds[0]<1.65,
                   'the standard deviations fall': stds[0]>stds[1]>stds[2],
                   'the third standard deviation is less than three quarters of the first': stds[2]<0.75*stds[0]}

DEAD = {'how many layers have a fraction of dead units': 50, 'there are three standard deviations or more': True,
    'all fractions are from 0 to 1': True, 'in the first layer less than a fifth of the units are dead': True,
    'at the end more than half of the units are dead': True, 'the first standard deviation is about √2': True,
    'the standard deviations fall': True, 'the third standard deviation is less than three quarters of the first': True}

def dead_but(**kw): return DEAD | {list(DEAD)[int(k[1:])]: v for k,v in kw.items()}

exercise('02.6', use=use_dead, facts=True, mistakes={
    'this is the fraction of *outputs* that are 0; a unit is dead if its output is 0 for all examples: `(x==0).all(0)`':
        lambda: dead_but(_3=False),
    'these are the standard deviations after the ReLU, which cuts off the negative half; take them before it': lambda: dead_but(_5=False),
    'too few units die: is the bias -0.5, and is it added in every layer, before the ReLU?': lambda: dead_but(_4=False, _7=False),
    'these are percentages; give fractions from 0 to 1': lambda: dead_but(_2=False),
    'these are the fractions of units that are *not* dead': lambda: dead_but(_3=False, _4=False),
    })(lambda: DEAD)

# a function that measures and rescales

NAMES = ('params', 'x')

def networks():
    "Pairs of weights and biases of zeros, and a batch: one layer first, then more, with weights that are too large or too small"
    for i,(sizes,scale) in enumerate([((2,3), 1.), ((3,2,1), 0.1), ((3,5,4,2), 5.), ((4,6,6,6,1), 0.01), ((1,8,8), 2.), ((5,7,1), 1.)]):
        params = [((randn(n, m, seed=10*i+j)+0.05)*scale, torch.zeros(m, dtype=torch.float64))
                  for j,(n,m) in enumerate(zip(sizes, sizes[1:]))]
        yield params,randn(12, sizes[0], seed=90+i)
    sizes = [20] + [30]*10 + [1]
    yield [(randn(n, m, seed=j, dtype=torch.float32)*0.01, torch.zeros(m)) for j,(n,m) in enumerate(zip(sizes, sizes[1:]))],randn(50, 20,
        seed=1, dtype=torch.float32)

def use_rescale(f, params, x):
    "By which number the weights of each layer are multiplied, whether they are given back or changed in place"
    before = [w.clone() for w,_ in params]
    new = f(params, x)
    params = params if new is None else new
    told = {}
    for i,((w,b),old) in enumerate(zip(params, before), 1):
        k = (w.double()*old.double()).sum()/old.double().square().sum()
        told[f'the factor of the weights of layer {i}'] = k.item()
        told[f'the weights of layer {i} are multiplied by one number'] = bool((w-k*old).abs().max()<=1e-4*w.abs().max())
        told[f'the biases of layer {i} are 0'] = not b.any()
    return told

def rms(o): return o.square().mean().sqrt()

def rescaled(params, x, size=rms, relu=lambda o, last: o if last else o.clamp_min(0), chain=True, measure=None):
    "Rescale in place; with another measure, or another network, for a mistake"
    for i,(w,b) in enumerate(params, 1):
        z = x@w+b
        out = relu(z, i==len(params))
        s = size(z if measure=='before' else out)
        w /= s
        if chain: x = out/s if chain is True else out

def rescaling(**kw):
    def wrong(params, x): return rescaled(params, x, **kw)
    return made(use_rescale, wrong)

@check('02.7', '02', networks, use=use_rescale, near=1e-4, names=NAMES, mistakes={
    'the weights are divided by the mean of the squares; the root mean square is its root': rescaling(size=lambda o: o.square().mean()),
    'the weights are divided by the standard deviation of the outputs; the root mean square does not subtract their mean':
        rescaling(size=lambda o: o.std()),
    'the outputs are measured before the ReLU; the next layer gets what comes after it': rescaling(measure='before'),
    'the last layer has no ReLU here: its outputs are measured as they are': rescaling(relu=lambda o, last: o.clamp_min(0)),
    'no layer has a ReLU here; only the last one has none': rescaling(relu=lambda o, last: o),
    'the next layer gets the outputs from before the division; compute them again with the new weights, or divide them as well':
        rescaling(chain='old'),
    'every layer is measured with outputs of 1 in mind: the weights are multiplied by the root mean square; divide by it':
        rescaling(size=lambda o: 1/o.square().mean().sqrt()),
    'the weights stay as they are: change them in place, as with `w /= ...`, or give back new pairs': rescaling(size=lambda o: 1.)})
def rescaling_wanted(params, x):
    "In float64: by what each layer's weights are divided, one after the other"
    told,out = {},x.double()
    for i,(w,_) in enumerate(params, 1):
        out = torch.einsum('nk,km->nm', out, w.double())
        if i<len(params): out = torch.where(out>0, out, torch.zeros_like(out))
        s = math.sqrt((out*out).sum().item()/out.numel())
        told[f'the factor of the weights of layer {i}'] = 1/s
        told[f'the weights of layer {i} are multiplied by one number'] = told[f'the biases of layer {i} are 0'] = True
        out = out/s
    return told
