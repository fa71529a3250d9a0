"Chapter 4: other right ways pass the checks, and wrong ones do not."
import random
import numpy as np
import pytest, torch
import torch.nn.functional as F
from fastfound.checking import verdict
from test_checks import as_a_readers

def sigmoid_by_tanh(x): return 0.5*torch.tanh(0.5*x) + 0.5
def sigmoid_by_log(x): return (-F.softplus(-x)).exp()
def sigmoid_by_cut(x): return 1/(1+torch.exp(-x.clamp(-80, 80)))

def loss_by_abs(predictions, targets):
    assert predictions.shape==targets.shape
    return (1/(1+(-predictions).exp())-targets).abs().mean()
def loss_by_sign(predictions, targets):
    if predictions.shape!=targets.shape: raise ValueError('shapes differ')
    return torch.sigmoid(torch.where(targets>0, -predictions, predictions)).mean()
def loss_by_product(predictions, targets):
    assert predictions.size()==targets.size()
    p = predictions.sigmoid()
    return (targets*(1-p)+(1-targets)*p).sum()/targets.numel()

def sampler_by_list(n, shuffle=False):
    order = list(range(n))
    if shuffle: random.shuffle(order)
    return order
def sampler_by_sort(n, shuffle=False): return torch.rand(n).argsort() if shuffle else torch.tensor(range(n))
def sampler_by_numpy(n, shuffle=False): return np.random.permutation(n) if shuffle else np.arange(n)
def collate_by_loop(examples): return [torch.stack([o[i] for o in examples]) for i in (0,1)]
def collate_by_cat(examples): return tuple(torch.cat([t[None] for t in o]) for o in zip(*examples))

class LoaderByList:
    def __init__(self, dataset, batch_size=64, shuffle=False): self.ds,self.bs,self.shuffle = dataset,batch_size,shuffle
    def __iter__(self):
        order = list(range(len(self.ds)))
        if self.shuffle: random.shuffle(order)
        batch = []
        for i in order:
            batch.append(self.ds[i])
            if len(batch)==self.bs:
                yield collate_by_loop(batch)
                batch = []
        if batch: yield collate_by_loop(batch)
class LoaderWithLength:
    def __init__(self, dataset, batch_size=64, shuffle=False):
        self.xs,self.ys = map(torch.stack, zip(*dataset))
        self.batch_size,self.shuffle = batch_size,shuffle
    def __len__(self): return -(-len(self.xs)//self.batch_size)
    def __iter__(self):
        order = torch.randperm(len(self.xs)) if self.shuffle else torch.arange(len(self.xs))
        return iter([(self.xs[order[i:i+self.batch_size]], self.ys[order[i:i+self.batch_size]]) for i in range(0, len(order),
            self.batch_size)])
class LoaderOfSlices:
    def __init__(self, dataset, batch_size=64, shuffle=False): vars(self).update(d=dataset, n=batch_size, s=shuffle)
    def __iter__(self):
        d = random.sample(self.d, len(self.d)) if self.s else self.d
        for i in range(0, len(d), self.n): yield collate_by_cat(d[i:i+self.n])

class OptimNoGrad:
    def __init__(self, params, lr): self.params,self.lr = [*params],lr
    @torch.no_grad()
    def step(self):
        for p in self.params:
            if p.grad is None: continue
            p.sub_(self.lr*p.grad)
    def zero_grad(self):
        for p in self.params:
            if p.grad is not None: p.grad.zero_()
class OptimData:
    def __init__(self, params, lr): self.groups,self.rate = tuple(params),lr
    def step(self):
        for p in (o for o in self.groups if o.grad is not None): p.data = p.data + p.grad.detach()*(-self.rate)
    def zero_grad(self):
        for p in self.groups: p.grad = torch.zeros_like(p) if p.grad is not None else None

OTHERS = {'sigmoid': [sigmoid_by_tanh, sigmoid_by_log, sigmoid_by_cut], 'mnist_loss': [loss_by_abs, loss_by_sign, loss_by_product],
          'basic_sampler': [sampler_by_list, sampler_by_sort, sampler_by_numpy],
          'BasicLoader': [LoaderByList, LoaderWithLength, LoaderOfSlices], 'BasicOptim': [OptimNoGrad, OptimData]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

ASSERT = "assert predictions.shape==targets.shape"
STEP = 'if p.grad is not None: p.data -= p.grad.data*self.lr'
LOADER = "for rows in order.split(self.batch_size):\n            yield basic_collate([self.dataset[i] for i in rows])"
WRONG = {
    'sigmoid': [('x/2', 'x'), (')/2', ')'), ('1+', '1-'), ('(1+(x/2).tanh())/2', '1/(1+(-x).exp())'),
                ('(1+(x/2).tanh())/2', '1-1/(1+x.exp())'), ('tanh', 'sin'), ('(1+(x/2).tanh())/2', 'x.clamp(0,1)'),
                ('/2).tanh', '/2).detach().tanh'), (')/2', ').float()/2')],
    'mnist_loss': [(ASSERT, 'assert True'), ('sigmoid(predictions)', 'predictions'), ('1-p, p', 'p, 1-p'), ('.mean()', '.sum()'),
                   ('.mean()', ''), ('targets==1', 'targets==0'), ('.mean()', '.mean(0)'),
                   ('.mean()', '.median()'), ('.mean()', '.max()'), ('.mean()', '.mean().item()'), ('.mean()', '.mean().detach()'),
                   ('1-p, p', '1-p, p*p'), ('1-p, p', '1-p, 0*p'),
                   ('.mean()', '/len(targets)'), ('sigmoid(predictions)', '(predictions>0).float()'),
                   ('sigmoid(predictions)', 'sigmoid(-predictions)'), ('sigmoid(predictions)', 'sigmoid(predictions/2)'),
                   ('sigmoid(predictions)', 'sigmoid(sigmoid(predictions))'), ('.mean()', '.pow(2).mean()'),
                   ('.mean()', '.mean().float()'), ('sigmoid(predictions)', 'sigmoid(predictions.sub_(1))'),
                   ('1-p, p', '-p.log(), -(1-p).log()'), ('.mean()', '.mean()/2'), ('sigmoid(predictions)', '(1+predictions.tanh())/2'),
                   ('sigmoid(predictions)', 'predictions.softmax(-1)')],
    'basic_sampler': [('torch.randperm(n)', 'torch.randint(n, (n,))'), ('if shuffle', 'if not shuffle'),
                      ('torch.arange(n)', 'torch.arange(1, n+1)'), ('torch.randperm(n)', 'torch.arange(n)'),
                      ('torch.arange(n)', 'torch.arange(n-1)'), ('torch.randperm(n)', 'torch.arange(n).flip(0)'),
                      ('torch.randperm(n)', 'torch.arange(n).roll(int(torch.randint(n, ())) if n else 0)'),
                      ('torch.randperm(n)', 'torch.randperm(n, generator=torch.Generator().manual_seed(0))'),
                      ('shuffle=False', 'shuffle=True')],
    'BasicLoader': [('self.shuffle)', 'False)'), ('self.shuffle)', 'True)'), ('self.batch_size)', '64)'),
                    ('self.batch_size)', 'self.batch_size+1)'), ('batch_size=64', 'batch_size=32'), ('shuffle=False', 'shuffle=True'),
                    ('yield basic', 'return basic'), (LOADER, LOADER.replace('yield', 'if len(rows)==self.batch_size: yield')),
                    ('basic_collate([self.dataset[i] for i in rows])', '[self.dataset[i] for i in rows]'),
                    ('for i in rows', 'for i in range(len(rows))'), ('[self.dataset[i] for', '[self.dataset[0] for'),
                    ('len(self.dataset), self', 'len(self.dataset)-1 or 1, self'),
                    ('for i in rows', 'for i in sorted(rows)[::-1]'), ('for i in rows', 'for i in rows[:1]'),
                    ('order.split(self.batch_size)', 'order.split(self.batch_size)[1:]'),
                    ('order.split(self.batch_size)', 'order.chunk(self.batch_size)'),
                    ('order.split(self.batch_size)', 'order.split(self.batch_size)[::-1]'),
                    (LOADER, LOADER.replace('[self.dataset[i] for i in rows]',
                                            '[(self.dataset[i][0],self.dataset[j][1]) for i,j in zip(rows, sorted(rows))]')),
                    ('        order = basic_sampler(len(self.dataset), self.shuffle)',
                     '        order = self.order = vars(self).get("order", basic_sampler(len(self.dataset), self.shuffle))')],
    'BasicOptim': [('-=', '+='), ('*self.lr', ''), ('*self.lr', '/self.lr'), ('list(params)', 'params'),
                   ('p.grad = None', 'p.data.zero_()'), ('p.grad = None', 'pass'), ('if p.grad is not None: ', ''),
                   ('p.data -= p.grad.data*self.lr', 'p = p - p.grad*self.lr'), ('p.data -= p.grad.data*self.lr', 'p -= p.grad*self.lr'),
                   ('self.params:\n            if', 'self.params[:1]:\n            if'),
                   ('*self.lr', '*self.lr**2'), ('p.grad.data*', 'p.grad.data.sign()*'), ('p.grad.data*self.lr', 'p.data*self.lr'),
                   (STEP, STEP+'\n            break'), ('lr): self.params', 'lr=0.1): lr = 0.1; self.params'),
                   ('p.data -= p.grad.data*self.lr', 'p.data = p.grad.data*self.lr'),
                   ('p.grad.data*self.lr', 'p.grad.data.mean()*self.lr'), ('p.grad = None', 'p.grad = p.grad'),
                   ('p.data -=', 'p.requires_grad = False; p.data -='), (STEP, STEP.replace('p.data -=', 'p.data *= 0.999; p.data -='))]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def loss_of_logits(predictions, targets):
    assert predictions.shape==targets.shape
    return torch.where(targets==1, 1-predictions, predictions).mean()
class LoaderOfOneMore:
    def __init__(self, dataset, batch_size=64, shuffle=False):
        self.xs,self.ys = map(torch.stack, zip(*dataset))
        self.n,self.size,self.shuffle = len(dataset),batch_size,shuffle
    def __iter__(self):
        order = torch.randperm(self.n) if self.shuffle else torch.arange(self.n)
        for i in range(self.n//self.size+1):
            rows = order[i*self.size:(i+1)*self.size]
            yield self.xs[rows],self.ys[rows]
class LoaderThatStacksNothing(LoaderByList):
    def __iter__(self):
        order,batch = list(range(len(self.ds))),[]
        if self.shuffle: random.shuffle(order)
        for i in order:
            batch.append(self.ds[i])
            if len(batch)==self.bs:
                yield collate_by_loop(batch)
                batch = []
        yield collate_by_loop(batch)
class OptimUphill(OptimNoGrad):
    def step(self):
        for p in self.params:
            if p.grad is not None: p.data += self.lr*p.grad
class OptimUphillForAll(OptimNoGrad):
    def step(self):
        for p in self.params: p.data += self.lr*p.grad
class OptimForAll(OptimNoGrad):
    def step(self):
        for p in self.params: p.data -= self.lr*p.grad

@pytest.mark.parametrize('name,f,text', [
    ('mnist_loss', loss_of_logits, 'these are the distances of the logits'), ('BasicLoader', LoaderOfOneMore, 'where `batch_size` divides'),
    ('BasicLoader', LoaderThatStacksNothing, 'it fails where `batch_size` divides'),
    ('BasicOptim', OptimUphill, 'the parameters move along'), ('BasicOptim', OptimUphillForAll, 'the parameters move along'),
    ('BasicOptim', OptimForAll, 'parameters without a gradient')])
def test_a_usual_mistake_of_readers_is_told(name, f, text):
    v = verdict(name, f)
    assert v.mistake.startswith(text), v.text

def test_what_an_exercise_does_without_is_told():
    class ByTorch:
        def __init__(self, params, lr): self.opt = torch.optim.SGD(params, lr)
        def step(self): self.opt.step()
        def zero_grad(self): self.opt.zero_grad()
    class ByLoader(torch.utils.data.DataLoader): "PyTorch's"
    assert 'it uses sgd' in verdict('BasicOptim', ByTorch).text
    assert 'it uses _get_iterator' in verdict('BasicLoader', ByLoader).text
    assert 'it uses sigmoid' in verdict('sigmoid', lambda x: x.sigmoid()).text
    assert 'it uses l1_loss' in verdict('mnist_loss', lambda predictions, targets: F.l1_loss(predictions.sigmoid(), targets)).text
