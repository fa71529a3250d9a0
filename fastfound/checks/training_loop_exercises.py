"The exercises of chapter 5: callbacks, tried in small fits of the library's Learner, a metric, and a network that learns random labels."
# mypy: ignore-errors
import copy, importlib
from functools import cached_property
from types import SimpleNamespace
import torch
import torch.nn.functional as F
from torch import nn
from .mnist_sgd import seeded
from .spec import check, exercise, randn, rng

def library(name): return getattr(importlib.import_module('fastfound.learner'), name)

class Wrong:
    "The mistake of a callback with `members`; its class is made when it is first needed, since the library's is loaded only then"
    def __init__(self, use, **members): self.use,self.members = use,members
    @cached_property
    def wrong(self): return type('Wrong', (library('Callback'),), self.members)
    def __call__(self, *args): return self.use(self.wrong, *copy.deepcopy(args))

class Batches:
    "Batches that are new each time"
    def __init__(self, batches): self.batches = batches
    def __len__(self): return len(self.batches)
    def __iter__(self): return ((x.clone(), y.clone()) for x,y in self.batches)

def probe(event, respond, **members):
    "A callback that calls `respond` with the Learner at an event, after all others"
    return type('Probe', (library('Callback'),), {'order': 1000, event: lambda self: respond(self.learn), **members})()

def fitted(cbs, train, valid, model, loss_func, n_epoch=1, lr=0.1, opt_func=None, metrics=()):
    "A Learner after a fit"
    opt_func = opt_func or importlib.import_module('fastfound.optimizers').SGD
    dls = SimpleNamespace(train=Batches(train), valid=Batches(valid))
    learn = library('Learner')(dls, model, loss_func, opt_func, lr=lr, metrics=metrics, cbs=cbs)
    learn.fit(n_epoch, quiet=True)
    return learn

def mean_square(pred, y): return (pred-y).square().mean()

class Weight(nn.Module):
    "The inputs times one weight; keeps the inputs of training and of validation"
    def __init__(self):
        super().__init__()
        self.w,self.seen = nn.Parameter(torch.ones(())),{True: [], False: []}
    def forward(self, x):
        self.seen[self.training].append(x.detach().clone())
        return x.flatten(1).sum(1)*self.w

# 1: end a fit

def accuracies():
    "A target, the accuracies of the epochs, and of those of a fit before, if there is one"
    yield 0.5,(0.25,0.75,0.875)
    yield 0.5,(0.5,0.625)
    yield 0.75,(0.25,0.5,0.625,0.75,0.875,1.)
    yield 0.9,(0.25,0.5,0.75)
    yield 0.,(0.,0.5)
    yield 0.5,(0.75,0.25,0.875)
    yield 0.5,(0.25,0.375,0.75,1.),(0.25,0.875)
    yield 1.,(0.5,0.99,1.,1.)

def use_stop_at(cls, target, accs, before=()):
    "How many epochs a fit has whose epochs have these accuracies"
    one = [(torch.ones(1,1), torch.zeros(1))]
    def accuracy(pred, targ): return now[learn.epoch]
    model,sgd = Weight(),importlib.import_module('fastfound.optimizers').SGD
    dls = SimpleNamespace(train=Batches(one), valid=Batches(one))
    learn = library('Learner')(dls, model, mean_square, sgd, lr=0.01, metrics=[accuracy], cbs=cls(target))
    for now in (before, accs)[not before:]:
        model.seen[True] = []
        learn.fit(len(now), quiet=True)
    return {'the number of epochs in the record': len(learn.recorder.values), 'how many are trained': len(model.seen[True])}

def at_end(cancel, reached=lambda cb: cb.recorder['accuracy'][-1]>=cb.target, event='after_epoch'):
    def respond(self):
        if reached(self): raise library(cancel)
    return {'__init__': lambda self, target: setattr(self, 'target', target), event: respond}

@check('05.1', '05', accuracies, use=use_stop_at, names=('target', 'accuracies', 'those of the fit before'), facts=True, mistakes={
    'the accuracy may also be the target itself: ask for `>=`':
        Wrong(use_stop_at, **at_end('CancelFitException', lambda cb: cb.recorder['accuracy'][-1]>cb.target)),
    'this ends the epoch, and the next one begins; `CancelFitException` ends the fit': Wrong(use_stop_at, **at_end('CancelEpochException')),
    'it stops as long as the accuracy is below the target; ask for `>=`':
        Wrong(use_stop_at, **at_end('CancelFitException', lambda cb: cb.recorder['accuracy'][-1]<cb.target)),
    'the loss is compared, not the accuracy: a row of the record has the training loss, the validation loss, and then the metrics':
        Wrong(use_stop_at, **at_end('CancelFitException', lambda cb: cb.recorder.values[-1][1]>=cb.target)),
    'it looks at the first epoch only; the accuracy of the last one is `self.recorder[\'accuracy\'][-1]`':
        Wrong(use_stop_at, **at_end('CancelFitException', lambda cb: cb.recorder['accuracy'][0]>=cb.target)),
    'one epoch too many: the accuracy is known in `after_epoch`, and there the fit can end':
        Wrong(use_stop_at, **at_end('CancelFitException', lambda cb: cb.recorder.values and cb.recorder['accuracy'][-1]>=cb.target,
                                    'after_train'))})
def epochs_wanted(target, accs, before=()):
    n = next((i+1 for i,o in enumerate(accs) if o>=target), len(accs))
    return {'the number of epochs in the record': n, 'how many are trained': n}

# 2: the worst class

def predictions():
    "Logits, and classes of which some may be missing"
    def hot(*o): return F.one_hot(torch.tensor(o), 3).double()
    yield hot(0,1),torch.tensor([0,0])
    yield hot(0,1,0,1),torch.tensor([0,0,1,1])
    yield hot(0,1,0,1,2,2,2),torch.tensor([0,0,0,1,2,2,2])
    yield hot(1,1,2,0),torch.tensor([1,1,2,2])
    yield hot(2,2),torch.tensor([2,2])
    yield hot(0,0,0,0,1,2),torch.tensor([0,0,0,0,1,1])
    for i,n in enumerate((9,40,200)): yield randn(n,10, seed=i, dtype=torch.float32),torch.randint(10, (n,), generator=rng(i))
    noise = torch.randint(10, (300,), generator=rng(8))
    yield randn(300,10, seed=7, dtype=torch.float32)+2*F.one_hot(noise, 10),noise

def by_class(f, rows=lambda hit, top, targ: targ):
    "A mistake, from the fractions of hits among the rows of each class"
    def told(preds, targ):
        top = preds.argmax(1)
        hit,of = (top==targ).double(),rows((top==targ).double(), top, targ)
        return float(f([hit[of==c].mean().item() for c in of.unique()]))
    return told

@check('05.2', '05', predictions, names=('preds', 'targ'), near=1e-6, mistakes={
    'this is the accuracy over all examples; take that of each class, and the lowest':
        lambda preds, targ: (preds.argmax(1)==targ).double().mean().item(),
    'this is the best of the classes; the lowest accuracy is wanted': by_class(max),
    'this is the mean over the classes; the lowest is wanted': by_class(lambda o: sum(o)/len(o)),
    'the classes are those of the predictions; compare within the examples whose *target* is that class':
        by_class(min, lambda hit, top, targ: top),
    'this is the number of the worst class; its accuracy is wanted':
        lambda preds, targ: float(targ.unique()[torch.tensor([(preds.argmax(1)==targ)[targ==c].double().mean()
                                                              for c in targ.unique()]).argmin()]),
    'this is the highest error rate; accuracy is 1 minus that': by_class(lambda o: 1-min(o)),
    'a class without examples has no accuracy; go through `targ.unique()`, the classes that are there':
        lambda preds, targ: min([(preds.argmax(1)==targ)[targ==c].double().mean().item() if (targ==c).any() else 0.
                                 for c in range(preds.shape[1])])})
def worst_wanted(preds, targ):
    n = torch.bincount(targ, minlength=preds.shape[1])
    hits = torch.bincount(targ[preds.argmax(1)==targ], minlength=preds.shape[1])
    return (hits[n>0].double()/n[n>0]).min().item()

# 3: move images

def moves():
    "The largest move"
    for n in (1,2,0): yield n,

def use_shift(cls, n):
    "How images are moved that have ink in the middle only, in so many batches that each move almost surely occurs"
    images = torch.zeros(6,28,28)
    images[:,6:22,10:18] = torch.rand(6,16,8, generator=rng(3))+0.5
    x,model = images.flatten(1),Weight()
    given = [(x[i%5:i%5+2], torch.zeros(2)) for i in range(40*n+2)]
    with seeded(): fitted([cls(n)], given, given[:12], model, mean_square, lr=1e-9)
    found = set()
    for (a,_),b in zip(given, model.seen[True]):
        for image,o in zip(a.view(-1,28,28), b.view(-1,28,28)):
            found.add(next((k for k in range(-n-3, n+4) if torch.equal(image.roll(k, 1), o)), 'neither'))
    return {'training images are moved to the side as a whole': 'neither' not in found,
            'the moves that occur': ' '.join(map(str, sorted(found-{'neither'}))),
            'validation images are where they were': all(torch.equal(a, b) for (a,_),b in zip(given[:12], model.seen[False]))}

def moving(k=lambda n: torch.randint(-n, n+1, ()).item(), axis=1, event='before_batch', write=True, **members):
    def init(self, n): self.n = n
    def respond(self):
        new = [o.roll(k(self.n), axis) for o in self.xb]
        if write: self.learn.xb = new
    return Wrong(use_shift, **{'__init__': init, event: respond, 'run_valid': False, **members})

@check('05.3', '05', moves, use=use_shift, names=('n',), facts=True, mistakes={
    'validation images are moved, too; with `run_valid = False` the callback responds in training only': moving(run_valid=True),
    '`torch.randint` ends before its second number; for moves up to n let it end at n+1':
        moving(lambda n: torch.randint(-n, max(n, 1-n), ()).item()),
    'images move to the right only; negative moves go to the left': moving(lambda n: torch.randint(n+1, ()).item()),
    'images always move by n; draw a number between -n and n for each batch': moving(lambda n: n),
    'axis 0 is that of the examples, so images are swapped, and their targets are not; the pixels are along axis 1': moving(axis=0),
    'no image is moved: write the new inputs to `self.learn.xb`, a list, in `before_batch`, where they have not been used yet':
        moving(write=False)})
def moves_wanted(n):
    return {'training images are moved to the side as a whole': True, 'the moves that occur': ' '.join(map(str, range(-n, n+1))),
            'validation images are where they were': True}

# 4: norms of gradients, of a network of two layers

def networks():
    "The sizes of the training batches, the number of epochs, and the numbers of inputs and hidden units"
    for o in (((2,), 1, 2, 2), ((1,), 1, 3, 2), ((2,3), 1, 2, 3), ((4,1,2), 2, 3, 4)): yield o

def data(sizes, m, seed=0): return [(randn(n,m, seed=seed+i),randn(n,1, seed=seed+i+40)) for i,n in enumerate(sizes)]

def two_layers(m, nh):
    "A network with fixed weights"
    model = nn.Sequential(nn.Linear(m,nh), nn.ReLU(), nn.Linear(nh,1)).double()
    with torch.no_grad():
        for i,p in enumerate(model.parameters()): p.copy_(randn(*p.shape, seed=i+60))
    return model

def use_norms(cls, sizes, n_epoch, m, nh):
    cb = cls()
    fitted([cb], data(sizes, m), data((2,), m, 80), two_layers(m, nh), mean_square, n_epoch)
    norms = list(cb.norms)
    return {'how many norms there are': len(norms), 'the norms': [o.detach() if isinstance(o, torch.Tensor) else o for o in norms]}

def keeping(f, event='after_backward', start='before_fit', **members):
    "The mistake of a callback that keeps `f` of the model at an event"
    def begin(self): self.norms = []
    return Wrong(use_norms, **{start: begin, event: lambda self: self.norms.append(f(self.model)), **members})

def gradient(model): return model[0].weight.grad

@check('05.4', '05', networks, use=use_norms, facts=True, near=1e-6,
       names=('training batches of', 'epochs', 'inputs', 'hidden units'), mistakes={
    'this is the norm of the weights; their gradient is `weight.grad`': keeping(lambda o: o[0].weight.detach().norm().item()),
    'this is the square of the norm; take the root': keeping(lambda o: gradient(o).square().sum().item()),
    'this is the root of the *mean* square; a norm is the root of the sum': keeping(lambda o: gradient(o).square().mean().sqrt().item()),
    'this is the norm of the last layer\'s gradient; the first layer is `self.model[0]`':
        keeping(lambda o: o[-1].weight.grad.norm().item()),
    'this is the norm of the gradient of the biases; take that of the weights': keeping(lambda o: o[0].bias.grad.norm().item()),
    'this is the sum of the absolute values; a norm is the root of the sum of squares': keeping(lambda o: gradient(o).abs().sum().item()),
    'the biases are counted as well; take the gradient of the weights alone':
        keeping(lambda o: torch.cat([p.grad.flatten() for p in o[0].parameters()]).norm().item()),
    'the gradients of all layers are counted; take that of the first layer\'s weights':
        keeping(lambda o: torch.cat([p.grad.flatten() for p in o.parameters()]).norm().item()),
    'the list begins anew in each epoch; begin it in `before_fit`': keeping(lambda o: gradient(o).norm().item(), start='before_epoch'),
    'there is one norm for each epoch; every training batch has one, in `after_backward`':
        Wrong(use_norms, before_fit=lambda self: setattr(self, 'norms', []), after_train=lambda self: self.norms.append(0.)),
    'the gradients themselves are kept; a norm is one number': keeping(lambda o: gradient(o).clone())})
def norms_wanted(sizes, n_epoch, m, nh):
    w1,b1,w2,b2 = (p.detach() for p in two_layers(m, nh).parameters())
    norms = []
    for x,y in data(sizes, m)*n_epoch:
        h = x@w1.T+b1
        d = 2/len(y)*(h.clamp_min(0)@w2.T+b2-y)  # gradients by hand, through two layers
        back = (d@w2)*(h>0)
        g = back.T@x
        norms.append(g.square().sum().sqrt().item())
        w1,b1,w2,b2 = w1-0.1*g,b1-0.1*back.sum(0),w2-0.1*d.T@h.clamp_min(0),b2-0.1*d.sum(0)
    return {'how many norms there are': len(norms), 'the norms': norms}

# 5: freeze a layer

def freezes():
    "Which layer, for how many epochs, the epochs of each fit, and the settings of SGD"
    for o in ((0, 1, (2,)), (0, 2, (3,)), (0, 0, (1,)), (2, 1, (2,)), (0, 2, (1,)), (0, 1, (2,2)), (2, 2, (3,4))): yield *o,{}
    yield 0,1,(2,2),{'momentum': 0.9}
    yield 0,1,(2,),{'weight_decay': 0.5}

PARTS = 'the weights of the layer','its biases','the weights of the other layer'

def use_freeze(cls, i, n, epochs, settings):
    "Whether the layer and the rest of the network move, epoch by epoch"
    sgd,model,told = importlib.import_module('fastfound.optimizers').SGD,two_layers(3, 4),{}
    layer,rest = model[i],model[2-i]
    parts = dict(zip(PARTS, (layer.weight,layer.bias,rest.weight)))
    def begin(learn): learn.before = [o.detach().clone() for o in parts.values()]
    def end(learn):
        for before,(what,o) in zip(learn.before, parts.items()):
            told[f'{what}, in epoch {learn.epoch} of fit {fit}'] = 'they stay' if torch.equal(before, o) else 'they move'
    dls = SimpleNamespace(train=Batches(data((4,3), 3)), valid=Batches(data((2,), 3, 80)))
    learn = library('Learner')(dls, model, mean_square, lambda params, lr: sgd(params, lr, **settings), lr=0.01)
    cbs = [cls(layer, n), probe('before_epoch', begin), probe('after_epoch', end)]
    for fit,n_epoch in enumerate(epochs, 1): learn.fit(n_epoch, cbs=cbs, quiet=True)
    return told

def freezing(respond, event='before_step', **members):
    def init(self, layer, n): self.layer,self.n,self.past = layer,n,0
    return Wrong(use_freeze, **{'__init__': init, event: respond, **members})

def no_gradients(self, frozen=lambda self: self.epoch<self.n, of=lambda self: self.layer.parameters(), none=True):
    for p in of(self) if frozen(self) else ():
        if none: p.grad = None
        else: p.grad.zero_()

def all_stay(self):
    if self.epoch<self.n: raise library('CancelStepException')

@check('05.5', '05', freezes, use=use_freeze, facts=True, names=('the layer', 'n', 'epochs of each fit', 'settings of SGD'), mistakes={
    'the layer never moves again; leave its gradients alone once `self.epoch` is n':
        freezing(lambda self: no_gradients(self, lambda self: True)),
    'it is frozen for an epoch too long: epochs are counted from 0, so freeze while `self.epoch<self.n`':
        freezing(lambda self: no_gradients(self, lambda self: self.epoch<=self.n)),
    'it is frozen for an epoch too few: epochs are counted from 0, so freeze while `self.epoch<self.n`':
        freezing(lambda self: no_gradients(self, lambda self: self.epoch<self.n-1)),
    'the gradients are 0, but momentum and weight decay still move the weights; those with `p.grad = None` the optimizer leaves out':
        freezing(lambda self: no_gradients(self, none=False)),
    'the whole network stays as it is, since the step is cancelled; take away the gradients of the layer alone': freezing(all_stay),
    'the weights stay, but the biases move; freeze all `layer.parameters()`':
        freezing(lambda self: no_gradients(self, of=lambda self: [self.layer.weight])),
    'all parameters of the model are frozen; freeze those of the layer':
        freezing(lambda self: no_gradients(self, of=lambda self: self.model.parameters())),
    'the other layer is frozen in place of the one that was given':
        freezing(lambda self: no_gradients(self, of=lambda self: self.model[2 if self.layer is self.model[0] else 0].parameters())),
    'nothing is frozen: in `before_step` the gradients are there, and not yet used': freezing(no_gradients, 'before_backward')})
def freeze_wanted(i, n, epochs, settings):
    return {f'{what}, in epoch {e} of fit {fit}': 'they stay' if what!=PARTS[2] and e<n else 'they move'
            for fit,n_epoch in enumerate(epochs, 1) for e in range(n_epoch) for what in PARTS}

# 6: random labels

def same_as_neighbour(x, y):
    "The fraction of examples whose nearest neighbour has the same label"
    x = x.flatten(1).double()
    d = torch.cdist(x, x).fill_diagonal_(torch.inf)
    return (y[d.argmin(1)]==y).double().mean().item()

def use_memorised(answer):
    model,x,y,acc = answer
    with torch.no_grad(): learned = (model(x).argmax(1)==y).double().mean().item()
    return {'the number of examples': len(x), 'the network has 200 hidden units': 200 in next(model.parameters()).shape,
            'all ten labels occur': len(y.unique())==10,
            'the labels are random': same_as_neighbour(x, y)<0.4,
            'the network gives 95 % of the examples their label': learned>=0.95,
            'the accuracy on validation digits is that of such a network': 0.01<float(acc)<0.3}

RIGHT = {'the number of examples': 500, 'the network has 200 hidden units': True, 'all ten labels occur': True,
         'the labels are random': True,
         'the network gives 95 % of the examples their label': True, 'the accuracy on validation digits is that of such a network': True}
def but(*names): return lambda: RIGHT | dict.fromkeys(names, False)

LEARNED,KNOWS_NOTHING = list(RIGHT)[-2:]

exercise('05.6', use=use_memorised, facts=True, mistakes={
    'these labels are not random: similar images have the same, as the true digits would; draw them with `torch.randint(10, (500,))`':
        but('the labels are random', KNOWS_NOTHING),
    'the network has not learnt the labels by heart yet; train longer, in small batches, with a large rate': but(LEARNED),
    'this is not the accuracy on the validation digits: of these the network knows nothing, and about one in ten guesses is right':
        but(KNOWS_NOTHING)})(lambda: RIGHT)

# 7: label smoothing

def epochs_of_classes():
    "The sizes of the training batches, and the number of epochs"
    for o in (((4,), 1), ((2,2), 1), ((3,1,2), 2), ((8,8), 3)): yield o

def classified(sizes, seed=0):
    return [(randn(n,4, seed=seed+i, dtype=torch.float32),torch.randint(10, (n,), generator=rng(seed+i))) for i,n in enumerate(sizes)]

def ten_classes():
    model = nn.Linear(4,10)
    with torch.no_grad():
        for i,p in enumerate(model.parameters()): p.copy_(randn(*p.shape, seed=i+30, dtype=torch.float32))
    return model

def use_smooth(cls, sizes, n_epoch):
    learn = fitted([cls()], classified(sizes), classified((3,2), 50), ten_classes(), F.cross_entropy, n_epoch, lr=0.5)
    rows = {f'the {what} loss of epoch {i}': row[k] for i,row in enumerate(learn.recorder.values)
            for k,what in enumerate(('training', 'validation'))}
    return rows | {'the weights': learn.model.weight.detach()}

def smoothing(targets=lambda y: 0.9*F.one_hot(y, 10) + 0.1/10, **members):
    def respond(self): self.learn.yb = targets(self.yb)
    return Wrong(use_smooth, **{'before_batch': respond, 'run_valid': False, **members})

def afterwards(self): self.learn.loss = 0.9*self.loss - 0.1*self.pred.log_softmax(1).mean()

@check('05.7', '05', epochs_of_classes, use=use_smooth, facts=True, near=2e-5, names=('training batches of', 'epochs'), mistakes={
    'the validation loss is smoothed, too; with `run_valid = False` the callback responds in training only': smoothing(run_valid=True),
    'the loss was recorded before it is changed in `after_loss`; change the targets in `before_batch`, from which the loss is computed':
        Wrong(use_smooth, run_valid=False, after_loss=afterwards),
    '0.1 is added to each class; it is to be divided among all ten': smoothing(lambda y: 0.9*F.one_hot(y, 10) + 0.1),
    'the right class gets 0.9, and the other nine share 0.1; all ten share it, so the right one has 0.91':
        smoothing(lambda y: (0.9-0.1/9)*F.one_hot(y, 10) + 0.1/9),
    'the targets do not add up to 1: the one-hot target is to be multiplied by 0.9': smoothing(lambda y: F.one_hot(y, 10) + 0.1/10),
    'the right class gets 0.9, and nothing is divided among the others': smoothing(lambda y: 0.9*F.one_hot(y, 10)),
    'the parts are swapped: 0.9 belongs to the right class, and 0.1 to all': smoothing(lambda y: 0.1*F.one_hot(y, 10) + 0.9/10),
    'nothing is smoothed: write the targets to `self.learn.yb` in `before_batch`': smoothing(lambda y: y),
    '`F.one_hot(y)` has as many columns as this batch has classes; `F.one_hot(y, 10)` always has ten':
        smoothing(lambda y: 0.9*F.one_hot(y) + 0.1/10)})
def smooth_wanted(sizes, n_epoch):
    w,b = (p.detach().double() for p in ten_classes().parameters())
    told = {}
    def log_probs(x): return (z := x.double()@w.T+b) - z.exp().sum(1, keepdim=True).log()
    for epoch in range(n_epoch):
        total = 0.
        for x,y in classified(sizes):
            lp,n = log_probs(x),len(y)
            target = torch.full((n,10), 0.01, dtype=torch.float64)
            target[torch.arange(n),y] = 0.91
            total -= (target*lp).sum().item()
            d = (lp.exp()-target)/n
            w,b = w-0.5*d.T@x.double(),b-0.5*d.sum(0)
        told[f'the training loss of epoch {epoch}'] = total/sum(sizes)
        rows = [-log_probs(x)[torch.arange(len(y)),y] for x,y in classified((3,2), 50)]
        told[f'the validation loss of epoch {epoch}'] = torch.cat(rows).mean().item()
    return told | {'the weights': w.float()}
