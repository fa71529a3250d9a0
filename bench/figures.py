"""Each figure that the book promises or reproduces, computed on all of MNIST, beside the published value and the band it must be in.

    python bench/figures.py               compute the figures; those of trained networks are read from the runs of bench/resnet.py
    python bench/figures.py --all         train a network for each of these rows once more, too
    python bench/figures.py --stored      compute nothing, only check the stored results
    python bench/figures.py --only TEXT   some figures; writes nothing

The results are stored in fastfound/data/figures.jsonl, a line for each seed of a figure. Ends with status 1 and the names of the figures
that are outside their bands, if any. One thread. `FASTFOUND_DATA` names a folder with all of MNIST.
"""
import argparse, datetime, math, sys
from dataclasses import dataclass
from functools import cache, partial
from statistics import median
from typing import Callable
import torch, torch.nn.functional as F
from torch import nn
from fastfound.engine import Tensor
from fastfound.backprop import Module
from fastfound.convolutions import BatchNorm, conv2d
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import URLs, get_mnist, mnist_arrays, untar_data
from fastfound.basics import set_seed
from fastfound.fully_connected import kaiming, layer_stats, lin, mse, normalize, relu
from fastfound.images import ImageDataLoaders
from fastfound.kernels import ladder
from fastfound.training_loop import HandLearner
from fastfound.learner import Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import SGD, Adam, AdamW, RMSProp
from fastfound.mnist_sgd import init_params, linear1, mnist_distance, mnist_loss
from fastfound.resnet import resnet18, small_resnet
from fastfound.resnet_by_hand import TensorModel
import peers
import resnet as networks
import runs
from timing import stopwatch

FILE = runs.FOLDER/'figures.jsonl'

# 0. the digits

@cache
def full(): return get_mnist('full')

def pictures(folder): return len(list((untar_data(URLs.MNIST_SAMPLE, 'full')/folder).iterdir()))

def sample_size(part): return len(getattr(get_mnist('sample'), part))

def pixels(): return full().x_train.float()/255

def seconds_to_load():
    "CPU seconds until the 12,396 training pictures and the others are decoded and a batch is there"
    path,elapsed = untar_data(URLs.MNIST_SAMPLE, 'full'),stopwatch()
    ImageDataLoaders.from_folder(path).one_batch()
    return elapsed()['cpu']

# 1. the matrix product

@cache
def speedups(run): return {o['version']: o['speed-up'] for o in ladder().rows}

def speedup(name): return lambda run: speedups(run)[name]

# 2. activations

@cache
def after_relu(seed):
    "Activations of a first layer with `kaiming` weights"
    x,_,_,_ = mnist_arrays(full())
    set_seed(seed)
    return relu(lin(normalize(x[:10_000], x.mean(), x.std()), kaiming(784,50), torch.zeros(50)))

def fifty_layers(std, act=lambda x: x):
    "Standard deviations of the activations after each of 50 layers of 100 units"
    def layer(): w = torch.randn(100,100)*std; return lambda x: act(x@w)
    x = torch.randn(200,100)
    return layer_stats([layer() for _ in range(50)], x).column('std')

def after_fifty(std, act=lambda x: x):
    def last(seed):
        set_seed(seed)
        return fifty_layers(std, act)[-1]
    return last

def layers_until_nan(seed):
    set_seed(seed)
    return sum(math.isfinite(o) for o in fifty_layers(1.)) + 1

# 3. the backward pass

class RawLinear(Module):
    def __init__(self, n_in, n_out): self.w,self.b = nn.Parameter(torch.randn(n_in,n_out)),nn.Parameter(torch.zeros(n_out))
    def forward(self, x): return lin(x, self.w, self.b)

@cache
def raw_network():
    "With seed 42 and unscaled weights: the loss, a hidden value of the first validation row, and bias gradients of the next such network"
    x,y,xv,_ = mnist_arrays(full(), scale=1/256)
    set_seed(42)
    w1,b1,w2,b2 = torch.randn(784,50),torch.zeros(50),torch.randn(50,1),torch.zeros(1)
    loss,hidden = mse(lin(relu(lin(x, w1, b1)), w2, b2)[:,0], y),lin(xv[:1], w1, b1)[0,1]
    net = nn.Sequential(RawLinear(784,50), nn.ReLU(), RawLinear(50,1))
    F.mse_loss(net(x)[:,0], y.float()).backward()
    return loss.item(),hidden.item(),*net[0].b.grad[:3].tolist()

def raw(i): return lambda: raw_network()[i]

def outer_products(): return torch.empty(50_000, 784, 50, device='meta').nbytes/1e9

# 3a. the engine

def slope_of_square(x):
    "The gradient of x**2 by our engine"
    x = Tensor(torch.tensor(x), requires_grad=True)
    (x**2).backward()
    return x.grad.item()

def losses_apart():
    "Largest relative difference between the losses of our engine and of PyTorch's over 50 steps of the network of chapters 2 and 3"
    x,y,_,_ = mnist_arrays(full())
    x = normalize(x, x.mean(), x.std())
    set_seed(42)
    start = kaiming(784,50),torch.zeros(50),kaiming(50,10),torch.zeros(10)
    def net(x, w1, b1, w2, b2): return (x@w1 + b1).relu()@w2 + b2
    def train(params, loss_func):
        for i in range(0, 50*256, 256):
            loss = loss_func(x[i:i+256], y[i:i+256], *params)
            loss.backward()
            for p in params:
                p.data -= 0.1*p.grad
                p.grad = None
            yield loss.item()
    ours = train([Tensor(o.clone(), requires_grad=True) for o in start], lambda xb,yb,*ps: net(xb, *ps).cross_entropy(yb))
    theirs = train([o.clone().requires_grad_() for o in start], lambda xb,yb,*ps: F.cross_entropy(net(xb, *ps), yb))
    return max(abs(a-b)/b for a,b in zip(ours, theirs))

# 4. and 5. telling 3 from 7

@cache
def threes_and_sevens(part):
    "The 3s and the 7s to 'train' or 'test' with, in the order in which their files are sorted by name"
    d = full()
    x,y = (d.x_train,d.y_train) if part=='train' else (d.x_test,d.y_test)
    return [x[sorted((y==c).nonzero().flatten().tolist(), key=str)].float()/255 for c in (3,7)]

def prototypes(): return [o.mean(0) for o in threes_and_sevens('train')]

def rms_distance(a, b): return (a-b).pow(2).mean((-1,-2)).sqrt()

def distance(f, c): return lambda: f(threes_and_sevens('train')[0][1], prototypes()[c]).item()

@cache
def baseline():
    "Fractions of the 3s and of the 7s that are nearer to their own prototype, and the mean of the two"
    three,seven = prototypes()
    a,b = [(mnist_distance(o, three)<mnist_distance(o, seven)).float().mean().item() for o in threes_and_sevens('test')]
    return a,1-b,(a+1-b)/2

def nearest(i): return lambda: baseline()[i]

@cache
def rows(part):
    a,b = threes_and_sevens(part)
    return torch.cat([a,b]).flatten(1),torch.cat([torch.ones(len(a),1),torch.zeros(len(b),1)])

class ByHand(Module):
    "The linear model of chapter 4: weights and a bias from a normal distribution"
    def __init__(self): self.w,self.b = map(nn.Parameter, (init_params((784,1)),init_params(1)))
    def forward(self, x): return linear1(x, self.w, self.b)

def linear(): return nn.Linear(784,1)
def simple_net(): return nn.Sequential(nn.Linear(784,30), nn.ReLU(), nn.Linear(30,1))

def trained(make, lr, epochs, shuffle):
    "A function of the seed that trains a model and returns its accuracy"
    def train(seed):
        set_seed(seed)
        dls = DataLoaders(DataLoader(rows('train'), 256, shuffle=shuffle), DataLoader(rows('test'), 256))
        learn = Learner(dls, make(), mnist_loss, SGD, lr, accuracy)
        learn.fit(epochs, quiet=True)
        return float(learn.recorder['accuracy'][-1])
    return train

def optimizer_apart(ours, theirs, **settings):
    "Largest difference between the parameters after 20 steps of our optimizer and of PyTorch's"
    def run(opt_func, **kw):
        set_seed(42)
        w = torch.randn(3,2, dtype=torch.float64).requires_grad_()
        opt = opt_func([w], lr=0.01, **settings, **kw)
        for x in torch.randn(20,5,3, dtype=torch.float64):
            (x@w).pow(2).mean().backward()
            opt.step()
            opt.zero_grad()
        return w.detach()
    return lambda: (run(ours, wd=0.1)-run(theirs, weight_decay=0.1)).abs().max().item()

def beside_a_bare_loop():
    "CPU seconds of our Learner as a multiple of those of a loop written out, in the runs of bench/peers.py"
    return peers.ratios(runs.load(peers.FILE))['fastfound']

# 6. residual networks

def convolution_apart():
    "Largest difference between our convolution and PyTorch's, over strides, paddings and dilations"
    set_seed(42)
    x,w,b = torch.randn(2,3,28,28).double(),torch.randn(4,3,3,3).double(),torch.randn(4).double()
    settings = [dict(stride=s, padding=p, dilation=d) for s in (1,2,3) for p in (0,1,2) for d in (1,2,3)]
    return max((conv2d(x, w, b, **o)-F.conv2d(x, w, b, **o)).abs().max().item() for o in settings)

def batch_norm_apart():
    "Largest difference between our batch normalisation and PyTorch's: outputs in training and evaluation, and running statistics"
    set_seed(42)
    ours,theirs = BatchNorm(8).double(),nn.BatchNorm2d(8).double()
    batches = torch.randn(5,16,8,7,7).double()*3+1
    pairs = [(ours(x), theirs(x)) for x in batches]
    for o in (ours,theirs): o.eval()
    pairs += [(ours(batches[0]), theirs(batches[0])), (ours.running_mean, theirs.running_mean), (ours.running_var, theirs.running_var)]
    return max((a-b).abs().max().item() for a,b in pairs)

def fifty_losses_apart():
    "Largest relative difference of 50 losses of the residual network, on our engine and on PyTorch's"
    d = full()
    x = normalize(d.x_train[:1600].double(), d.x_train.float().mean(), d.x_train.float().std())[:,None]
    def losses(learner, wrap):
        set_seed(42)
        model = wrap(small_resnet().double())
        dls = DataLoaders(DataLoader((x, d.y_train[:1600]), 32))
        learn = learner(dls, model, getattr(model, 'loss', F.cross_entropy), partial(SGD, momentum=0.9))
        learn.fit(1, 0.02, quiet=True)
        return torch.tensor(learn.recorder.losses, dtype=torch.float64)
    ours,theirs = losses(HandLearner, TensorModel),losses(Learner, lambda o: o)
    return ((ours-theirs).abs()/theirs).max().item()

@cache
def again(row):
    "A new run of a row of the networks' results, with seed 0"
    task,r = next((task,r) for what,task,r in networks.figures() if what==row)
    return networks.train(r, networks.digits(task), 0) if r else networks.book_learner(0)

def stored(row): return [o for o in runs.load(networks.FILE) if (o['table'],o['row'])==('figures',row)]

# the list

BOOK4 = 'Howard and Gugger 2020, chapter 4 (fastai/fastbook, 04_mnist_basics)'
BOOK17 = 'Howard and Gugger 2020, chapter 17 (fastai/fastbook, 17_foundations)'
COURSE = 'Practical Deep Learning for Coders, part 2, 2022 (fastai/course22p2, 03_backprop)'
TIMES = f'{BOOK17}; fastai/course22p2, 01_matmul'
EXAMPLE = 'the constants in examples for PyTorch (pytorch/examples, mnist)'
GOAL = 'a goal of this project'

@dataclass(frozen=True)
class Figure:
    "A number to reproduce"
    page: str             # the page that shows it
    name: str
    published: str        # what the source says
    source: str
    low: float            # the band, bounds included
    high: float
    f: Callable = None    # of nothing, or of the seed where there are `seeds`; returns the number
    seeds: int = 0
    of: str = 'each'      # what must be in the band: 'each' value, their 'median' or the 'lowest'
    format: str = '.4f'
    row: str = None       # of the table 'figures' of bench/resnet.py, and the key of its runs
    key: str = 'accuracy'

def exact(page, name, value, source, f, tol, format='.4f'):
    return Figure(page, name, format_value(value, format), source, value-tol, value+tol, f, format=format)

def format_value(o, format): return f'{o:{format}}'

def network(row, name, published, source, low, high, of='median', key='accuracy', format='.4f'):
    return Figure('07_resnet', f'{row}: {name}', published, source, low, high, of=of, row=row, key=key, format=format)

def cpu(row, limit, published=None, source=GOAL):
    return network(row, 'CPU seconds', published or f'≤ {limit}', source, 0, limit, key='cpu', format='.1f')

def layers(name, published, low, high, f, seeds=10, format='.2f'):
    return Figure('02_fully_connected', name, published, BOOK17, low, high, f, seeds, format=format)

def accuracy_of(page, name, published, low, high, make, lr, epochs, shuffle=False, source=BOOK4):
    "The accuracy that a model has after some epochs, from ten seeds"
    name = f"{name}, {epochs} epochs at {lr:g}, {'shuffled' if shuffle else 'digits in order'}"
    return Figure(page, name, published, source, low, high, trained(make, lr, epochs, shuffle), 10)

def difference(page, name, published, limit, f): return Figure(page, name, published, GOAL, 0, limit, f, format='.0e')

BIG = 'ten digits, ten epochs, twice the channels, rotated, scaled, sheared and shifted'
BEST = 'ten digits, sixteen epochs, three times the channels, augmented, averaged over nine versions'
SEVENS,ONE = '3 or 7, one epoch','ten digits, one epoch'
HALF,TWO = f'{ONE}, half the channels','ten digits, two epochs, moved by up to a pixel'
RESNET18 = 'resnet18 on pictures of 3 or 7, one epoch'

FIGURES = [
    *(exact('00_datasets', f'pictures in {o}', n, BOOK4, partial(pictures, o), 0, ',')
      for o,n in (('train/3',6131), ('train/7',6265), ('valid/3',1010), ('valid/7',1028))),
    *(exact('00_datasets', f'digits in the sample, {what}', n, GOAL, partial(sample_size, part), 0, ',')
      for what,part,n in (('to train on','y_train',4000), ('to test on','y_test',1000))),
    exact('00_datasets', 'mean of the training pixels', 0.1307, EXAMPLE, lambda: pixels().mean().item(), 5e-5),
    exact('00_datasets', 'standard deviation of the training pixels', 0.3081, EXAMPLE, lambda: pixels().std().item(), 5e-5),
    *(Figure('01_matmul', f'times faster than loops: {name}', f'{low:,} – {high:,}', TIMES, low/4, 4*high, speedup(name), 5,
             of='median', format=',.0f')
      for name,low,high in (('row times column',700,1500), ('broadcasting',800,6700), ('einsum',12_000,20_000), ('@',49_000,64_000))),
    layers('mean after a layer and a ReLU', '0.57', 0.40, 0.75, lambda seed: after_relu(seed).mean().item(), 20),
    layers('standard deviation after a layer and a ReLU', '0.83', 0.65, 1.00, lambda seed: after_relu(seed).std().item(), 20),
    layers('layers until the activations are nan, weights of 1', 'nan after 50', 2, 50, layers_until_nan, format='.0f'),
    layers('standard deviation after 50 layers, weights of 0.01', '0', 0, 0, after_fifty(0.01), format='.1g'),
    layers('standard deviation after 50 layers, weights of 0.1', 'near 1', 0.2, 5, after_fifty(0.1)),
    layers('standard deviation after 50 layers and ReLUs, weights of 0.1', 'about 1e-8', 3e-10, 1e-6, after_fifty(0.1, relu), format='.0e'),
    layers('standard deviation after 50 layers and ReLUs, weights of √(2/100)', 'stays in range', 0.02, 15,
           after_fifty(math.sqrt(2/100), relu)),
    exact('03_backprop', 'GB for the outer products of 50,000 x 784 x 50', 7.8, GOAL, outer_products, 0.05, '.1f'),
    exact('03_backprop', 'loss of the network with raw weights', 4308.76, COURSE, raw(0), 0.01, '.2f'),
    exact('03_backprop', 'second hidden value of the first validation digit', 11.87, COURSE, raw(1), 0.01, '.2f'),
    *(exact('03_backprop', f'{nth} gradient of the first bias', g, COURSE, raw(i), 0.01, '.2f')
      for i,nth,g in ((2,'first',-19.60), (3,'second',-2.40), (4,'third',-0.12))),
    difference('03b_engine', 'losses of our engine and of PyTorch, 50 steps: relative difference', '≤ 1e-5', 1e-5, losses_apart),
    *(exact('04_mnist_sgd', f'gradient of x**2 at {x:g}', 2*x, BOOK4, partial(slope_of_square, x), 0, '.0f') for x in (3.,4.,10.)),
    *(exact('04_mnist_sgd', f'{norm} distance of a 3 to the mean {digit}', v, BOOK4, distance(f, c), 5e-5)
      for digit,c,norm,f,v in ((3,0,'L1',mnist_distance,0.1114), (3,0,'L2',rms_distance,0.2021),
                               (7,1,'L1',mnist_distance,0.1586), (7,1,'L2',rms_distance,0.3021))),
    *(exact('04_mnist_sgd', f'nearest mean: accuracy on {what}', v, BOOK4, nearest(i), 5e-5)
      for i,what,v in ((0,'3s',0.9168), (1,'7s',0.9854), (2,'both',0.9511))),
    accuracy_of('04_mnist_sgd', 'linear model by hand', 'about 0.976', 0.960, 0.980, ByHand, 1., 20),
    accuracy_of('04_mnist_sgd', 'nn.Linear', '0.9785', 0.976, 0.981, linear, 1., 20),
    accuracy_of('04_mnist_sgd', 'nn.Linear', 'more than in order', 0.980, 0.986, linear, 1., 20, True, GOAL),
    accuracy_of('04_mnist_sgd', 'simple_net', '0.982 – 0.983', 0.980, 0.985, simple_net, 0.1, 40),
    accuracy_of('04_mnist_sgd', 'simple_net', '0.982 – 0.983', 0.980, 0.986, simple_net, 0.1, 40, True),
    accuracy_of('05_training_loop', 'nn.Linear', 'about 0.967', 0.965, 0.972, linear, 1., 10),
    accuracy_of('05_training_loop', 'nn.Linear', 'more than in order', 0.970, 0.985, linear, 1., 10, True, GOAL),
    Figure('05_training_loop', 'Learner, 784-50-10: CPU time as a multiple of a bare loop', '≤ 1.1', GOAL, 0, 1.1, beside_a_bare_loop,
           format='.2f'),
    *(difference('06_update_rules', f'{ours.__name__} and that of PyTorch, 20 steps: difference', '≤ 1e-6', 1e-6,
                 optimizer_apart(ours, theirs, **kw))
      for ours,theirs,kw in ((SGD, torch.optim.SGD, dict(momentum=0.9)), (RMSProp, torch.optim.RMSprop, {}),
                             (Adam, torch.optim.Adam, {}), (AdamW, torch.optim.AdamW, {}))),
    difference('07_resnet', 'convolution by unfold and that of PyTorch: difference', 'rounding only', 1e-10, convolution_apart),
    difference('07_resnet', 'batch normalisation and that of PyTorch: difference', 'rounding only', 1e-10, batch_norm_apart),
    exact('07_resnet', 'parameters of resnet18', 11_689_512, 'torchvision; He and others 2015',
          lambda: sum(p.numel() for p in resnet18().parameters()), 0, ','),
    Figure('07a_vision', 'CPU seconds to decode the pictures of 3s and 7s', '≤ 6 on two cores', GOAL, 0, 12, seconds_to_load, format='.1f'),
    difference('07b_resnet_by_hand', 'residual network on our engine, 50 steps: relative difference of the losses', '≤ 1e-5', 1e-5,
               fifty_losses_apart),
    network(SEVENS, 'median accuracy', '0.9971, goal ≥ 0.9985', f'{BOOK4}; {GOAL}', 0.9985, 1),
    network(SEVENS, 'lowest accuracy', '≥ 0.996', GOAL, 0.996, 1, 'lowest'),
    cpu(SEVENS, 5, '13 on a GPU, goal ≤ 5', f'{BOOK4}; {GOAL}'),
    network(RESNET18, 'accuracy', '0.9971, goal ≥ 0.99', f'{BOOK4}; {GOAL}', 0.990, 1, 'lowest'),
    cpu(RESNET18, 100, '13 on a GPU, goal ≤ 100', f'{BOOK4}; {GOAL}'),
    network(ONE, 'median accuracy', '≥ 0.993', GOAL, 0.993, 1),
    network(ONE, 'lowest accuracy', '≥ 0.991', GOAL, 0.991, 1, 'lowest'),
    cpu(ONE, 12),
    network(HALF, 'median accuracy', '≥ 0.992', GOAL, 0.992, 1),
    network(HALF, 'parameters', '≤ 18,000', GOAL, 0, 18_000, key='parameters', format=',.0f'),
    cpu(HALF, 12),
    network(TWO, 'median accuracy', '≥ 0.995', GOAL, 0.995, 1),
    cpu(TWO, 30),
    network(BIG, 'median accuracy', '≥ 0.997', GOAL, 0.997, 1),
    cpu(BIG, 300),
    network(BEST, 'median accuracy', 'goal 0.9975', GOAL, 0.9965, 1),  # the goal is not reached
    cpu(BEST, 900),
]

# results

def values(fig, rerun=False):
    "What this code gives for a figure: one number for each seed or run"
    if fig.row: return [o[fig.key] for o in ([again(fig.row)] if rerun else stored(fig.row))]
    return [fig.f(seed) for seed in range(fig.seeds)] if fig.seeds else [fig.f()]

def verdict(o):
    "'within' or 'outside' its band, for a figure with its values"
    values = o['values'] or [math.nan]
    tested = {'each': values, 'median': [median(values)], 'lowest': [min(values)]}[o['of']]
    return 'within' if all(o['low']<=v<=o['high'] for v in tested) else 'outside'

def entry(fig, vals):
    "A figure, its values and the verdict on them"
    o = {k: getattr(fig, k) for k in ('page', 'name', 'published', 'source', 'low', 'high', 'of', 'format')} | {'values': vals}
    return o | {'verdict': verdict(o)}

def compute(figs, rerun=False):
    "The entries of the figures `figs`, computed now; `rerun` trains their networks once more"
    for fig in figs:
        elapsed = stopwatch()
        o = entry(fig, values(fig, rerun))
        print(f"{o['verdict']:8} {fig.page}, {fig.name}: {shown(o)} ({elapsed()['cpu']:.1f} CPU seconds)", flush=True)
        yield o

def from_file(figs, file):
    "The entries of the figures `figs` with the values that `file` holds"
    known = runs.load(file)
    return [entry(fig, [o['value'] for o in known if o['name']==fig.name]) for fig in figs]

def lines(entries):
    "What is stored of `entries`: for each value the figure, the seed, the value, what it is compared with, when and where it was made"
    made = {'date': datetime.date.today().isoformat(), 'machine': runs.machine()}
    for o in entries:
        known = {k: o[k] for k in ('published', 'source', 'low', 'high', 'of', 'format')}
        for i,value in enumerate(o['values']): yield {'page': o['page'], 'name': o['name'], 'seed': i, 'value': value, **known, **made}

def shown(o): return ' '.join(format_value(v, o['format']) for v in o['values']) or 'no result'

def main(args=None, file=FILE):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', default='', help='only figures whose page or name holds this text; nothing is written')
    parser.add_argument('--all', action='store_true', help='train each network of bench/resnet.py once more')
    parser.add_argument('--stored', action='store_true', help='compute nothing')
    args = parser.parse_args(args)
    torch.set_num_threads(1)
    figs = [o for o in FIGURES if args.only in f'{o.page} {o.name}']
    if not figs: sys.exit(f'no figure has {args.only!r} in its page or name')
    try: entries = from_file(figs, file) if args.stored else list(compute(figs, args.all))
    except ConnectionError as e: sys.exit(f'{e}; FASTFOUND_DATA should name a folder with all of MNIST')
    if not (args.stored or args.only): runs.save(file, lines(entries))
    def complaint(o): return f"{o['page']}, {o['name']}: got {shown(o)}, wanted {o['of']} from {o['low']:g} to {o['high']:g}"
    bad = [complaint(o) for o in entries if o['verdict']=='outside']
    if bad: sys.exit('outside their bands:\n' + '\n'.join(bad))
    print(f'{len(entries)} figures are within their bands')

if __name__=='__main__': main()
