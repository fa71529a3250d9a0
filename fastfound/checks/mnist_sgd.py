"Chapter 4: the sigmoid, a loss for two classes, and mini-batches."
import torch
from .fully_connected import fit, seeded, use_loss, REFUSED
from .spec import check, made, randn

def whole(*rows, dtype=torch.float64): return torch.tensor(rows, dtype=dtype)

# the sigmoid

def logits():
    "Logits of both signs, and such as are so large that their exponential is infinite"
    yield whole(0.),
    yield whole(0., 1., -2.),
    yield whole(20., -20.),
    yield whole(1000., -1000.),
    yield whole(100., -100., 0.5, dtype=torch.float32),
    yield whole(1e4, -1e4, dtype=torch.float32),
    for i,shape in enumerate([(1,), (4,), (2,3), (5,1), (0,), (0,3), (), (2,2,2)]): yield 3*randn(*shape, seed=i),
    for i,shape in enumerate([(3,), (2,2)]): yield 3*randn(*shape, seed=i, dtype=torch.float32),
    yield randn(3,4, seed=1).t(),

def use_sigmoid(f, x):
    "The values, and the gradient of their sum"
    given = x.clone().requires_grad_()
    with torch.enable_grad(): y = f(given)
    if not isinstance(y, torch.Tensor): return y
    g = torch.autograd.grad(y.sum(), given, allow_unused=True)[0] if y.requires_grad else None
    return {'the sigmoid': y.detach(), 'its gradient': g}

def a_sigmoid(f):
    def wrong(x): return f(x)
    return made(use_sigmoid, wrong)

@check('sigmoid', '04', logits, use=use_sigmoid, names=('x',), 
       without=('sigmoid', 'sigmoid_', 'expit', 'special_expit', 'logsigmoid', 'silu', 'numpy'),
       same=('sigmoid',), hints=(
    ('Draw the tanh and the sigmoid. From where to where does each go, and which of them rises faster? How do you shift and scale '
     'the one so that it becomes the other?'),
    ('The tanh goes from -1 to 1; adding 1 and halving it gives 0 to 1. And take it of half of `x`, because the sigmoid rises more'
     ' slowly.')), mistakes={
    'the values are right, but the gradient of `1/(1+exp(-x))` is nan where the exponential is infinite; '
    'write it with `tanh`: (1+tanh(x/2))/2':
        a_sigmoid(lambda x: 1/(1+(-x).exp())),
    'the exponential of a large logit is infinite, and infinity divided by infinity is nan; write it with `tanh`: (1+tanh(x/2))/2':
        a_sigmoid(lambda x: x.exp()/(1+x.exp())),
    'the sign in the exponential is missing: exp(-x), so that a large logit gives a probability near 1':
        a_sigmoid(lambda x: (-x).sigmoid()),
    'this is the tanh, which goes from -1 to 1; the sigmoid goes from 0 to 1: (1+tanh(x/2))/2': a_sigmoid(lambda x: x.tanh()),
    'the tanh is that of x; take that of x/2, since tanh rises twice as fast': a_sigmoid(lambda x: (1+x.tanh())/2),
    'this goes from 0 to 2; the brackets are missing, or the division by 2': a_sigmoid(lambda x: 1+(x/2).tanh()),
    'where the logit is large its gradient is nan, although the values are right: `torch.where` differentiates both '
    'branches, and one of them overflows':
        a_sigmoid(lambda x: torch.where(x>=0, 1/(1+(-x).exp()), x.exp()/(1+x.exp())))})
def sigmoid_wanted(x):
    p = torch.where(x.double()>0, 1/(1+(-x.double().abs()).exp()), (-x.double().abs()).exp()/(1+(-x.double().abs()).exp()))
    return {'the sigmoid': p.to(x.dtype), 'its gradient': (p*(1-p)).to(x.dtype)}

# a loss for two classes

def two_classes():
    "Logits and targets 1 or 0, as whole numbers or not; sure ones; and shapes that broadcast, which must be refused"
    yield whole(0.),torch.tensor([1])
    yield whole(0., 2.),torch.tensor([0,1])
    yield whole([1.],[-1.],[3.]),torch.tensor([[1],[1],[0]])
    yield whole([1.],[-1.]),torch.tensor([1,0])
    yield whole(1., -1.),torch.tensor([[1],[0]])
    for i,shape in enumerate([(1,), (3,), (1,1), (4,1), (2,3), (50,1), (), (2,3,2)]):
        yield 2*randn(*shape, seed=i),(randn(*shape, seed=i+50)>0).long()
        yield 2*randn(*shape, seed=i+20, dtype=torch.float32),(randn(*shape, seed=i+70)>0).float()
    for n in (1, 4): yield randn(n, seed=n),torch.ones(n, dtype=torch.int64)
    for n in (1, 4): yield randn(n, seed=n),torch.zeros(n, dtype=torch.int64)
    yield whole(1000., -1000., 1000., -1000.),torch.tensor([1,0,0,1])
    yield whole(200., -200., dtype=torch.float32),torch.tensor([0,0])
    for one,other in (((1,),(3,)), ((2,3),(3,)), ((3,),())): yield randn(*one, seed=1),(randn(*other, seed=2)>0).long()
    yield randn(3,2, seed=1).t(),(randn(2,3, seed=2)>0).long()
    yield randn(4,1, seed=3).requires_grad_(),torch.tensor([[1],[0],[0],[1]])
    yield randn(3, seed=4, dtype=torch.float32).requires_grad_(),torch.tensor([1.,0.,1.])

def probability(x): return x.double().sigmoid()
def wrong_class(x, t): return torch.where(t==1, 1-probability(x), probability(x))

def loss_as(f): return fit(lambda x, t: f(x, t).to(x.dtype))

check('mnist_loss', '04', two_classes, use=use_loss, names=('predictions', 'targets'),
      without=('losses', 'l1_loss', 'binary_cross_entropy', 'numpy'),
      same=('mnist_loss', 'binary_cross_entropy'), near=1e-6, hints=(
    ('The predictions are logits: what makes probabilities of them? Then write down how far a probability p is from the target 1, '
     'and how far from 0. And what if the shapes differ?'),
    ('`assert` that the shapes are equal. Take the `sigmoid`. `torch.where(targets==1, ..., ...)` chooses between the two '
     'distances, 1-p and p, and the loss is their mean.')), mistakes={
    'shapes that differ broadcast here, and each prediction is compared with every target; refuse them: '
    '`assert predictions.shape==targets.shape`': made(use_loss, lambda x, t: wrong_class(x, t).mean().to(x.dtype)),
    'the predictions are logits, any numbers; turn them into probabilities with `sigmoid` first':
        loss_as(lambda x, t: (x.double()-t).abs().mean()),
    'these are the distances of the logits themselves, which go below 0 and above 1; take their `sigmoid` first':
        loss_as(lambda x, t: torch.where(t==1, 1-x.double(), x.double()).mean()),
    'the two distances are swapped: for a target of 1 it is 1-p, and for 0 it is p': loss_as(lambda x, t: (1-wrong_class(x, t)).mean()),
    'this is the sum over the batch; the loss is a mean, so divide by n': loss_as(lambda x, t: wrong_class(x, t).sum()),
    'the sum is divided by the number of rows; divide by that of all predictions, or take `.mean()`':
        loss_as(lambda x, t: wrong_class(x, t).sum()/(len(x) if x.ndim else 1)),
    'the differences are squared; take their absolute values': loss_as(lambda x, t: (probability(x)-t).square().mean()),
    'the differences keep their signs, so that those of both classes cancel; take their absolute values':
        loss_as(lambda x, t: (probability(x)-t).mean()),
    'the differences keep their signs, and are targets minus probabilities; take their absolute values':
        loss_as(lambda x, t: (t-probability(x)).mean()),
    'the mean is taken first, and then its absolute value; by then differences of both signs have cancelled':
        loss_as(lambda x, t: (probability(x)-t).mean().abs()),
    'this is the fraction that is misclassified, a staircase with a gradient of 0; use the probabilities themselves':
        loss_as(lambda x, t: ((x>0)!=(t==1)).double().mean()),
    'this is the fraction that is classified correctly, a metric and no loss; use the distances of the probabilities from their targets':
        loss_as(lambda x, t: ((x>0)==(t==1)).double().mean()),
    'these are the distances of all examples; the loss is one number, their mean': loss_as(wrong_class),
    'the sigmoid is taken twice': loss_as(lambda x, t: wrong_class(probability(x), t).mean()),
    'a softmax compares the logits of several classes; here each example has one logit, so use `sigmoid`': loss_as(lambda x, t:
        torch.where(t==1, 1-x.double().softmax(-1), x.double().softmax(-1)).mean()),
    'this is the cross-entropy, which takes a logarithm; the loss here is the distance itself':
        loss_as(lambda x, t: -(1-wrong_class(x, t)).log().mean()),
    'targets of 1 are taken for 0; for a target of 1 the distance is 1-p': loss_as(lambda x, t: probability(x).mean()),
    'targets of 0 are taken for 1; for a target of 0 the distance is p': loss_as(lambda x, t: (1-probability(x)).mean()),
    'for a target of 1 the distance is 1-p; here p is added': loss_as(lambda x, t: (probability(x)+(t==1)).mean()),
    'examples of one class are left out: for a target of 0 the distance is p': loss_as(lambda x, t: ((1-probability(x))*(t==1)).mean()),
    'this is a number of Python; a loss stays a tensor, so that its gradient can be found':
        fit(lambda x, t: wrong_class(x, t).mean().item())})(
    lambda x, t: torch.sigmoid(x.double()*(1-2*t.double())).sum().div(x.numel()).to(x.dtype) if x.shape==t.shape else REFUSED)

# mini-batches

def orders():
    "How many examples there are, and whether they are shuffled"
    for n in (1, 2, 5, 0): yield n,
    for n in (1, 2, 5, 0, 30): yield n,True
    for n in (3, 30): yield n,False
    yield 4,True,'800 draws'

def use_sampler(f, n, *args):
    "The order, or what is to be said of one that is random"
    with seeded() as start:
        order = [int(o) for o in f(n, *args[:1])]
        if not args or not args[0]: return order
        other = [int(o) for o in f(n, *args[:1])]
        start()
        again = [int(o) for o in f(n, *args[:1])]
        told = {'the indices, sorted': sorted(order)}
        if n>10: told |= {'they are in order': order==sorted(order), 'a second order is equal': order==other,
                          'an order after the same seed is equal': order==again}
        if len(args)<2: return told
        all_ = [[int(o) for o in f(n, True)] for _ in range(800)]
    return told | {f'how often {i} comes first': sum(o[:1]==[i] for o in all_)/800 for i in range(n)} | {
        'how often 1 follows 0': sum((0,1) in zip(o, o[1:]) for o in all_)/800}

def sampler(f):
    def wrong(n, shuffle=False): return f(n, shuffle)
    return made(use_sampler, wrong)

def perm(n): return torch.randperm(n)

def fixed(n, shuffle): return torch.randperm(n, generator=torch.Generator().manual_seed(1)) if shuffle else torch.arange(n)

@check('basic_sampler', '04', orders, use=use_sampler, near=0.06, facts=True, names=('n', 'shuffle', 'tried'), same=('basic_sampler',),
       hints=(
    ('What are the indices of three examples without shuffling? And in which form does PyTorch give random orders, each index '
     'exactly once?'),
    ('`torch.arange(n)` counts, and `torch.randperm(n)` is a random permutation; `shuffle` chooses between them.')), mistakes={
    'the order is never shuffled; with `shuffle` it is a random permutation': sampler(lambda n, shuffle: torch.arange(n)),
    'the order is always shuffled; without `shuffle` it is 0, 1, 2 and so on': sampler(lambda n, shuffle: perm(n)),
    '`shuffle` works the wrong way round': sampler(lambda n, shuffle: torch.arange(n) if shuffle else perm(n)),
    'some indices come twice and others never; an epoch visits each example once, so take a permutation':
        sampler(lambda n, shuffle: torch.randint(n, (n,)) if shuffle and n else torch.arange(n)),
    'the indices are counted from 1; Python counts from 0': sampler(lambda n, shuffle: (perm(n) if shuffle else torch.arange(n))+1),
    'the last index is missing': sampler(lambda n, shuffle: (perm(max(n-1, 0)) if shuffle else torch.arange(max(n-1, 0)))),
    'the order is the same in every epoch; draw a new one at each call': sampler(fixed)})
def order_wanted(n, shuffle=False, tried=None):
    if not shuffle: return list(range(n))
    told = {'the indices, sorted': list(range(n))}
    if n>10: told |= {'they are in order': False, 'a second order is equal': False, 'an order after the same seed is equal': True}
    return told | ({} if not tried else {f'how often {i} comes first': 1/n for i in range(n)} | {'how often 1 follows 0': 1/n})

class Pairs(list):
    "Pairs of a number, or a row that begins with it, and its square"
    def __init__(self, n, size=()): super().__init__((torch.full(size, float(i)),torch.tensor(i*i)) for i in range(n))
    def __repr__(self): return f'{len(self)} pairs of a number and its square'

def loaders():
    "A dataset, a batch size (None for that of the signature) and whether to shuffle"
    yield Pairs(3),2,False
    yield Pairs(4),2,False
    yield Pairs(10),4,False
    for n,size in ((1,1), (1,3), (5,1), (5,5), (6,5), (12,4), (9,20)): yield Pairs(n),size,False
    for size in ((2,), (1,), (2,3)): yield Pairs(5, size),3,False
    yield Pairs(3),2,True
    yield Pairs(10, (2,)),4,True
    yield Pairs(31),5,True
    yield Pairs(40, (1,)),40,True
    yield Pairs(70),None,None
    yield Pairs(130),None,True

PAIR,NONE_EMPTY = 'each batch is a pair of stacked tensors','no batch is empty'
SOUND = {PAIR: True, NONE_EMPTY: True}

def use_loader(cls, dataset, batch_size, shuffle):
    "What its batches hold, in two epochs"
    kw = ({} if batch_size is None else {'batch_size': batch_size}) | ({} if shuffle is None else {'shuffle': shuffle})
    with seeded() as start:
        loader = cls(dataset, **kw)
        epochs = [list(loader) for _ in range(6 if len(dataset)<40 else 2)]
        start()
        again = list(cls(dataset, **kw))
    first,second = epochs[:2]
    for o in (o for epoch in epochs for o in epoch):
        if not isinstance(o, (tuple, list)) or len(o)!=2 or not all(isinstance(t, torch.Tensor) and t.ndim for t in o):
            return {PAIR: False}
        if not len(o[0]): return {PAIR: True, NONE_EMPTY: False}
    if not first: return 'no batches'
    def parts(batches): return tuple(torch.cat(o) for o in zip(*batches)) if batches else None
    orders = [parts(o) for o in epochs]
    x,y = orders[0]
    told = SOUND | {'the sizes of the batches': [len(o) for o,_ in first],
                    'the sizes of the batches in a second epoch': [len(o) for o,_ in second]}
    if any(o is None for o in orders): return told
    varies = any(o[0].shape!=x.shape or not torch.equal(o[0], x) for o in orders)
    if not shuffle and varies: return told | dict.fromkeys(('the inputs', 'the targets'), 'in random order')
    if not shuffle: return told | {'the inputs': x, 'the targets': y}
    numbers = [x.flatten(1)[:,0].tolist() if x.ndim>1 else x.tolist() for x,_ in orders]
    told |= {'the shapes': [tuple(x.shape[1:]), tuple(y.shape[1:])], 
             'every epoch has every example': all(len(set(o))==len(dataset) for o in numbers),
             'some examples come twice': any(len(set(o))<len(o) for o in numbers),
             'each target is the square of its input': all(y.tolist()==[int(n*n) for n in o] for o,(_,y) in zip(numbers, orders))}
    if len(dataset)<30: return told
    follows = sum(b==a+1 for a,b in zip(numbers[0], numbers[0][1:]))
    return told | {'most examples follow their neighbour': follows>len(dataset)/2, 'a second epoch has the same order': not varies,
                   'the order after the same seed is the same': torch.equal(x, parts(again)[0])}

def a_loader(order=lambda n, shuffle: torch.randperm(n) if shuffle else torch.arange(n), batches=lambda order, size: order.split(size),
             once=False,
             collate=lambda pairs: tuple(map(torch.stack, zip(*pairs))), default=64, end=False, targets=lambda rows: rows, first=False,
             empty=None):
    class Wrong:
        def __init__(self, dataset, batch_size=default, shuffle=False):
            self.dataset,self.batch_size,self.shuffle = dataset,batch_size,shuffle
            self.order = order(len(dataset), shuffle) if once else None
            self.batches = iter(self.all()) if end else None
        def __iter__(self): return next(self.all()) if first else self.batches if end else self.all()
        def all(self):
            indices = self.order if once else order(len(self.dataset), self.shuffle)
            for rows in batches(indices, self.batch_size):
                if len(rows): yield collate([(self.dataset[i][0],self.dataset[j][1]) for i,j in zip(rows, targets(rows))])
            if empty and not len(indices)%self.batch_size: yield empty()
    return made(use_loader, Wrong)

def fail(): raise Exception('there is nothing to stack')
def whole_batches(order, size): return [o for o in order.split(size) if len(o)==size]
def shuffled_batches(order, size):
    batches = order.sort().values.split(size)
    return [batches[i] for i in torch.randperm(len(batches))] if not torch.equal(order, order.sort().values) else batches

@check('BasicLoader', '04', loaders, use=use_loader, facts=True, names=('dataset', 'batch_size', 'shuffle'),
       same=('BasicLoader', 'DataLoader', 'default_collate'),
       without=('_get_iterator', 'default_collate'), hints=(
    ('`__init__` only keeps its arguments. `__iter__` is called anew for each epoch: which of the two functions that you have just'
     ' written does it need first, and which for each batch?'),
    ('Ask `basic_sampler` for an order, cut it with `order.split(self.batch_size)`, and for each piece `yield` what '
     '`basic_collate` makes of the list of the examples at those indices.')), mistakes={
    'the last batch is left out if it is short; an epoch visits every example': a_loader(batches=whole_batches),
    'the order is drawn once, when the loader is made, so that all epochs have the same one; draw it in `__iter__`': a_loader(once=True),
    'the second epoch is empty: what was made in `__init__` is used up by the first; begin anew in each `__iter__`': a_loader(end=True),
    'nothing is shuffled: is `shuffle` passed on to the sampler, and does a batch take its indices from what it gives?':
        a_loader(order=lambda n, shuffle: torch.arange(n)),
    'everything is shuffled, whether asked for or not; pass `shuffle` on to the sampler':
        a_loader(order=lambda n, shuffle: torch.randperm(n)),
    'only the order of the batches is random; the examples of a batch are still neighbours, so shuffle the examples':
        a_loader(batches=shuffled_batches),
    'a batch holds one example too many': a_loader(batches=lambda order, size: order.split(size+1)),
    'a batch holds one example too few': a_loader(batches=lambda order, size: order.split(max(size-1, 1))),
    '`batch_size` makes no difference here': a_loader(batches=lambda order, size: order.split(64)),
    'there is a batch for each example; collate `batch_size` of them': a_loader(batches=lambda order, size: order.split(1)),
    'a batch is still made of single examples; collate them: stack the inputs, stack the targets, and yield the two tensors':
        a_loader(collate=lambda pairs: pairs),
    'inputs and targets are in different orders, so that they no longer belong together; shuffle indices, and fetch pairs':
        a_loader(targets=lambda rows: rows.sort().values),
    'some examples come twice and others never; an epoch visits each once': 
        a_loader(order=lambda n, shuffle: torch.randint(n, (n,)) if shuffle else torch.arange(n)),
    'the first example is left out': a_loader(order=lambda n, shuffle:
        1+(torch.randperm(n-1) if shuffle else torch.arange(n-1)) if n>1 else torch.arange(n)),
    '`__iter__` returns a batch, and a loop wants to be given one after the other: write `yield` instead of `return`': a_loader(first=True),
    'where `batch_size` divides the number of examples there is one more batch, an empty one; yield what is left only if something is':
        a_loader(empty=lambda: (torch.zeros(0), torch.zeros(0))),
    'it fails where `batch_size` divides the number of examples, so that nothing is left over: is there one more batch, an empty one?':
        a_loader(empty=lambda: fail()),
    'only one batch comes: `return` ends the loop, and `yield` goes on after it':
        a_loader(batches=lambda order, size: order.split(size)[:1])})
def batches_wanted(dataset, batch_size, shuffle):
    n,size = len(dataset),batch_size or 64
    sizes = [size]*(n//size) + [n%size]*(n%size>0)
    x,y = torch.stack([torch.full_like(o, i) for i,(o,_) in enumerate(dataset)]),torch.arange(n)**2
    told = SOUND | {'the sizes of the batches': sizes, 'the sizes of the batches in a second epoch': sizes}
    if not shuffle: return told | {'the inputs': x, 'the targets': y}
    told |= {'the shapes': [tuple(x.shape[1:]), ()], 'every epoch has every example': True, 'some examples come twice': False,
             'each target is the square of its input': True}
    return told if n<30 else told | {'most examples follow their neighbour': False, 'a second epoch has the same order': False,
                                     'the order after the same seed is the same': True}
