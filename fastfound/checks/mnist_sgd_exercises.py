"Chapter 4: the exercises."
# mypy: ignore-errors
import torch
from torch import nn
from .mnist_sgd import seeded, whole
from .spec import check, exercise, made, randn

# 1: the nearer of two means is a linear model

def means():
    "Two means, and images to classify"
    yield whole([1.,0.],[0.,0.]),whole([0.,0.],[0.,2.]),randn(4,2,2, seed=1)
    yield whole([3.,1.]),whole([1.,1.]),randn(4,1,2, seed=2)
    for i,shape in enumerate([(2,3), (1,1), (3,3), (28,28)]):
        yield randn(*shape, seed=i)+0.5,randn(*shape, seed=i+20),randn(6,*shape, seed=i+40)
    yield randn(4,4, seed=7, dtype=torch.float32)+1,randn(4,4, seed=8, dtype=torch.float32),randn(5,4,4, seed=9, dtype=torch.float32)

def use_linear(answer, m3, m7, x):
    "Distances, and weights and bias on a scale of their own, since a positive factor changes no answer"
    distance,as_linear = answer
    told = {'the distances from the mean 3': distance(x, m3)}
    w,b = as_linear(m3, m7)
    w,b = torch.as_tensor(w).flatten().to(m3.dtype),torch.as_tensor(b).flatten().to(m3.dtype)
    return told | {'the weights, divided by their length': w/w.norm(), 'the bias, divided by the same': b.squeeze()/w.norm()}

def linear(w=lambda a, b: a-b, b=lambda a, b: (b@b-a@a)/2, distance=lambda x, m: (x-m).pow(2).mean((-1,-2)).sqrt()):
    def told(m3, m7, x):
        p,q = m3.flatten().double(),m7.flatten().double()
        return {'the distances from the mean 3': distance(x.double(), m3.double()).to(x.dtype),
                'the weights, divided by their length': (w(p, q)/w(p, q).norm()).to(m3.dtype),
                'the bias, divided by the same': torch.as_tensor(b(p, q)/w(p, q).norm()).to(m3.dtype)}
    return told

check('04.1', '04', means, use=use_linear, names=('mean 3', 'mean 7', 'x'), near=1e-5, mistakes={
    'the answers are those for a 7: with these signs `x@w + b` is positive where the mean 7 is nearer':
        linear(lambda a, b: b-a, lambda a, b: (a@a-b@b)/2),
    'the bias has the wrong sign: if the mean 3 is farther from 0 than the mean 7, it lowers the output':
        linear(b=lambda a, b: (a@a-b@b)/2),
    'weights and bias do not fit together: the squared distance has the term -2·x@m, so with `m3-m7` as weights the bias is halved':
        linear(b=lambda a, b: b@b-a@a),
    'the weights are right, and the bias is missing: what is left of the squares that does not contain x?': linear(b=lambda a, b: 0*a@b),
    'the bias is that of the lengths of the means; it takes their squares': linear(b=lambda a, b: (b.norm()-a.norm())/2),
    'the weights are right, the bias takes a mean over the pixels where the product with the weights takes a sum':
        linear(b=lambda a, b: (b@b-a@a)/2/len(a)),
    'the root of the mean square is missing: this is the mean square': linear(distance=lambda x, m: (x-m).pow(2).mean((-1,-2))),
    'this is still the mean absolute difference': linear(distance=lambda x, m: (x-m).abs().mean((-1,-2))),
    'the distance is the root of the *mean* square; here it is that of the sum':
        linear(distance=lambda x, m: (x-m).pow(2).sum((-1,-2)).sqrt()),
    'the root is taken of each square, which gives back the absolute value; take it of the mean':
        linear(distance=lambda x, m: (x-m).pow(2).sqrt().mean((-1,-2)))})(linear())

# 2: the learning rates with which the descent on x² arrives

def rates():
    for lr in (0.1, 0.4, 0.6, 0.9, 1.1, 0.01, 0.97, 1.03, 2., 0.5, 1., 0., -0.1): yield lr,

def use_rates(f, lr):
    got = f(lr)
    return got if got is None else bool(got)

def by(f):
    def wrong(lr): return f(lr)
    return made(use_rates, wrong)

check('04.2', '04', rates, use=use_rates, names=('lr',), mistakes={
    'at the limit the factor is -1: `x` jumps from side to side and comes no nearer': by(lambda lr: 0<lr<=1),
    'a factor below 0 takes `x` to the other side, and nearer to 0 all the same: the factor may be between -1 and 1':
        by(lambda lr: 0<lr<=0.5),
    'a step of a rate above 0.5 goes past 0, but comes nearer all the same': by(lambda lr: 0<lr<0.5),
    'with a rate of 0 nothing moves, and below 0 the steps go up': by(lambda lr: lr<1),
    'with a rate of 0 nothing moves, and at exactly 1 the factor is -1, which comes no nearer': by(lambda lr: 0<=lr<=1),
    'with a rate of 0 nothing moves': by(lambda lr: 0<=lr<1),
    'the derivative of the square is 2x: each step multiplies `x` by 1-2·lr': by(lambda lr: 0<lr<2),
    'these are the rates with which `x` does not approach 0': by(lambda lr: not 0<lr<1)})(lambda lr: 0<lr<1)

# 3: the examples with the largest cross-entropy

class Score(nn.Module):
    "A linear model with given weights; the logits have the shape (n,1)"
    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(w)
    def forward(self, x): return x@self.w[:,None]
    def __repr__(self): return f'a linear model with the weights {[round(o, 2) for o in self.w.tolist()]}'

def models():
    "A model, inputs and targets of 1 or 0"
    yield Score(torch.tensor([1.])),torch.tensor([[3.],[-2.],[0.5],[-0.25],[1.],[-4.],[2.5]]),torch.tensor([[1],[1],[0],[0],[0],[1],[1]])
    for i,(n,d) in enumerate([(6,1), (8,2), (5,3), (30,2), (200,4)]):
        x = randn(n, d, seed=i, dtype=torch.float32)+0.001*torch.arange(n)[:,None]  # no two losses are equal
        yield Score(randn(d, seed=i+20, dtype=torch.float32)),x,(randn(n, 1, seed=i+40)>0).long()
    x = randn(20, 2, seed=9, dtype=torch.float32)
    yield Score(torch.tensor([0.3,-0.2])),x,torch.ones(20,1, dtype=torch.int64)
    yield Score(torch.tensor([0.3,-0.2])),x,torch.zeros(20,1, dtype=torch.int64)

def use_worst(f, model, x, y): return sorted(int(o) for o in f(model, x, y))

def largest(values):
    def wrong(model, x, y):
        with torch.no_grad(): out = model(x).double()
        return values(out, y).flatten().topk(5).indices
    return made(use_worst, wrong)

def entropy(out, y): return nn.functional.softplus(torch.where(y==1, -out, out))

def of_columns(model, x, y): return entropy(model(x), y).topk(5).indices

check('04.3', '04', models, use=use_worst, names=('model', 'x', 'y'), mistakes={
    'these are the five with the *smallest* loss; it is large where the model is sure of the wrong class, and `topk` gives the largest':
        largest(lambda out, y: -entropy(out, y)),
    'these are the five largest logits; whether one is wrong depends on its target': largest(lambda out, y: out),
    'these are the five smallest logits, the right answer for digits that are all 3s; the loss of a 7 is large where its logit is':
        largest(lambda out, y: -out),
    'these are the five logits that are farthest from 0; whether one is wrong depends on its target': largest(lambda out, y: out.abs()),
    'these are the five that the model is least sure of; the largest losses are where it is sure of the wrong class':
        largest(lambda out, y: -out.abs()),
    'the losses have the shape (n,1), and `topk` looks for five along an axis of size 1: flatten them first': made(use_worst, of_columns)})(
    lambda model, x, y: sorted(largest_of(model, x, y)))
def largest_of(model, x, y):
    loss = (1+torch.where(y==1, -1., 1.).mul(model(x).detach().double()).exp()).log().flatten().tolist()
    return sorted(range(len(loss)), key=lambda i: -loss[i])[:5]

# 4: a loop for a model that has a backward pass of its own

class ByHand:
    "Inputs times weights, with the mean squared error and a backward pass of its own, which adds to the gradient as PyTorch does"
    def __init__(self, w): self.w = torch.tensor(w, dtype=torch.float64)
    def predict(self, x):
        self.x = x
        return x@self.w
    def __call__(self, x, y):
        self.off = self.predict(x)-y
        return self.off.square().mean()
    def backward(self):
        g = 2*self.x.t()@self.off/len(self.off)
        self.w.grad = g if self.w.grad is None else self.w.grad+g
    def parameters(self): return [self.w]
    def __repr__(self): return f'a model with the weights {self.w.tolist()}'

class Steps:
    "Gradient descent"
    def __init__(self, model, lr): self.model,self.lr = model,lr
    def step(self):
        for p in self.model.parameters():
            if p.grad is not None: p.sub_(self.lr*p.grad)
    def zero_grad(self):
        for p in self.model.parameters(): p.grad = None
    def __repr__(self): return f'gradient descent with a rate of {self.lr}'

class Batches(list):
    def __repr__(self): return f'batches of {", ".join(str(len(x)) for x,_ in self)}'

def trainings():
    "The model's first weights, a rate, batches, and the number of epochs"
    def batches(*sizes): return Batches((randn(n,2, seed=i+n),randn(n, seed=i+n+30)) for i,n in enumerate(sizes))
    yield [0.5,-0.25],0.1,batches(2),1
    yield [0.5,-0.25],0.1,batches(2,3),1
    yield [0.5,-0.25],0.1,batches(2,2,1),2
    yield [1.,2.],0.05,batches(4,1),5
    yield [1.,2.],0.05,batches(3),0

def use_train(f, w, lr, batches, epochs):
    "The weights after training"
    model = ByHand(w)
    f(model, Steps(model, lr), batches, epochs)
    return model.w

def training(step=lambda m, o, x, y: (m(x, y), m.backward(), o.step(), o.zero_grad()), epochs=lambda n: range(n), batches=list):
    def wrong(model, opt, dl, n):
        for _ in epochs(n):
            for x,y in batches(dl): step(model, opt, x, y)
    return made(use_train, wrong)

check('04.4', '04', trainings, use=use_train, names=('weights', 'rate', 'batches', 'epochs'), near=1e-9, mistakes={
    'the gradients are never cleared, so that each step follows the sum of all of them; call `opt.zero_grad()`':
        training(lambda m, o, x, y: (m(x, y), m.backward(), o.step())),
    'the weights have not moved: `model.backward()` finds the gradients, then comes `opt.step()`, and only then `opt.zero_grad()`':
        training(lambda m, o, x, y: m(x, y)),
    'this trains for a single epoch; `epochs` says for how many': training(epochs=lambda n: range(1)),
    'there is one epoch too few': training(epochs=lambda n: range(n-1)),
    'only the first batch of an epoch is used': training(batches=lambda dl: dl[:1]),
    'there is only one step in each epoch; take one after each batch': made(use_train, lambda model, opt, dl, n: [
        ([(model(x, y), model.backward()) for x,y in dl], opt.step(), opt.zero_grad()) for _ in range(n)]),
    'this calls the backward pass of PyTorch, which knows nothing of this model; call `model.backward()`':
        training(lambda m, o, x, y: (m(x, y).backward(), o.step(), o.zero_grad()))})(
    lambda w, lr, batches, epochs: descended(w, lr, batches, epochs))
def descended(w, lr, batches, epochs):
    w = torch.tensor(w, dtype=torch.float64)
    for x,y in list(batches)*epochs:
        given = w.clone().requires_grad_()
        with torch.enable_grad(): loss = (x@given-y).square().mean()
        w = w-lr*torch.autograd.grad(loss, given)[0]
    return w

# 5: an epoch in the order of the files

def use_fractions(answer):
    "What part of the digits each model calls a 3, in a word"
    def word(o):
        o = float(o)
        return 'no fraction' if not 0<=o<=1 else 'nearly all' if o>0.9 else 'a minority' if o<0.4 else 'about half'
    return dict(zip(('absolute error', 'cross-entropy'), map(word, answer), strict=True))

def fractions(absolute='nearly all', entropy='a minority'): return {'absolute error': absolute, 'cross-entropy': entropy}

exercise('04.5', use=use_fractions, mistakes={
    'with shuffled digits both models call about half of the digits a 3; train in the order of the files, with `in_order`':
        lambda: fractions('about half', 'about half'),
    'the two are swapped: the first is that of the absolute error': lambda: fractions('a minority', 'nearly all'),
    'these are the models before they were trained, or something is counted that is not above the threshold of 0':
        lambda: fractions('a minority', 'a minority'),
    'fractions lie between 0 and 1: divide the numbers of digits by that of all validation digits, or take a mean':
        lambda: fractions('no fraction', 'no fraction'),
    'with cross-entropy the model has called everything a 3 as well: did the 7s come, after the 3s?':
        lambda: fractions(entropy='nearly all'),
    'the second number is not that of the order of the files: shuffled, a model calls about half of the digits a 3':
        lambda: fractions(entropy='about half')})(fractions)

# 6: a sampler that draws both classes equally often

def class_labels():
    "Labels of two classes, the second of which is rarer"
    for counts in ((3,1), (2,2), (9,1), (95,5), (1,6)):
        yield torch.tensor([0]*counts[0]+[1]*counts[1]),
    yield torch.tensor([1,0,0,0,1,0,0,0,0,0]*4),

def use_sampler(cls, labels):
    "How often it draws what, over many epochs"
    with seeded():
        sampler = cls(labels)
        epochs = [[int(o) for o in sampler] for _ in range(max(20, 8000//len(labels)))]
        drawn = torch.tensor([o for epoch in epochs for o in epoch], dtype=torch.int64)
        told = {'its length is the number of indices that it gives': len(sampler)==len(epochs[0]),
                'indices of examples only': bool(drawn.numel()) and 0<=drawn.min().item() and drawn.max().item()<len(labels)}
    if not all(told.values()): return told
    told['the part of the second class'] = (labels[drawn]==1).double().mean().item()
    for c in (0, 1):
        often = drawn.bincount(minlength=len(labels))[labels==c].double()
        told[f'all examples of class {c} come about equally often'] = bool(often.min()>0.5*often.mean()>0)
    return told | {'all epochs are equal': len(labels)>20 and all(o==epochs[0] for o in epochs)}

def drawn(weights=lambda labels: 1/labels.bincount()[labels], n=len, once=False):
    class Wrong:
        def __init__(self, labels): self.labels,self.order = labels,self.draw(labels) if once else None
        def draw(self, labels): return torch.multinomial(weights(labels).double(), n(labels), replacement=True).tolist()
        def __len__(self): return n(self.labels)
        def __iter__(self): return iter(self.order if once else self.draw(self.labels))
    return made(use_sampler, Wrong)

@check('04.6', '04', class_labels, use=use_sampler, names=('labels',), near=0.05, facts=True, mistakes={
    'every example comes equally often; its weight is 1 divided by the size of its class, and it is drawn with replacement':
        drawn(lambda labels: torch.ones(len(labels))),
    'the weight is the size of the class, so that the larger one comes even more often; divide 1 by it':
        drawn(lambda labels: labels.bincount()[labels]),
    'the order is drawn once, when the sampler is made; draw it in `__iter__`': drawn(once=True),
    'only the second class is drawn': drawn(lambda labels: (labels==1).double()),
    'only the first class is drawn': drawn(lambda labels: (labels==0).double())})
def drawn_wanted(labels):
    return {'its length is the number of indices that it gives': True, 'indices of examples only': True,
            'the part of the second class': 0.5, 'all examples of class 0 come about equally often': True,
            'all examples of class 1 come about equally often': True,
            'all epochs are equal': False}

# 7: padding

def texts():
    "Examples of different lengths"
    def of(*sizes): return [{'ids': [10*i+j for j in range(1, n+1)], 'label': i%2} for i,n in enumerate(sizes)],
    for sizes in ((2,), (1,2), (3,1), (2,2), (1,1,1), (3,1,4,1,5), (7,2)): yield of(*sizes)

def padded(width=max, left=False, fill=0, labels=torch.tensor):
    def told(items):
        n = width([len(o['ids']) for o in items])
        ids = torch.full((len(items),n), fill)
        for i,o in enumerate(items):
            row = torch.tensor(o['ids'][:n])
            if left: ids[i,n-len(row):] = row
            else: ids[i,:len(row)] = row
        return {'ids': ids, 'label': labels([o['label'] for o in items])}
    return told

check('04.7', '04', texts, names=('items',), mistakes={
    'the zeros stand in front of the numbers; they belong behind them': padded(left=True),
    'the ids are cut to the length of the shortest; pad to that of the longest': padded(min),
    'there is one column too many': padded(lambda sizes: max(sizes)+1),
    'the labels are still a list; make one tensor of them': padded(labels=list),
    'the ids are transposed, as `pad_sequence` leaves them unless you say `batch_first=True`':
        lambda items: {**padded()(items), 'ids': padded()(items)['ids'].t()},
    'these are the ids alone; the batch is a dict with `ids` and `label`': lambda items: padded()(items)['ids'],
    'ids and labels come as a tuple; the batch is a dict with `ids` and `label`': lambda items: tuple(padded()(items).values())})(padded())
