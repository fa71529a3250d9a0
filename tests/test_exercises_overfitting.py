"Chapter 8: other right answers to the exercises pass their checks, and wrong ones do not."
from math import exp, log
from statistics import mean
import pytest, torch
import torch.nn.functional as F
from torch import nn, tensor
from fastfound.checking import verdict
from fastfound.files import read_runs

Y = torch.arange(1000)%10
def noise(fraction, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.where(torch.rand(1000, generator=g)<fraction, torch.randint(10, (1000,), generator=g), Y)
LONG = {'training loss': 0.18, 'validation loss': 0.88, 'training': 0.97, 'validation': 0.73}
SHORT = {'training loss': 1.3, 'validation loss': 0.83, 'training': 0.64, 'validation': 0.84}

class Factor(nn.Module):
    def __init__(self, p, factor=None):
        super().__init__()
        self.p,self.factor = p,1-p if factor is None else factor
    def forward(self, x): return x*(torch.rand(x.shape)>=self.p) if self.training else x*self.factor
class Where(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.keep = 1-p
    def forward(self, x):
        if not self.training: return self.keep*x
        return torch.where(torch.rand_like(x)<self.keep, x, 0.)
class Modern(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p
    def forward(self, x): return x*(torch.rand(x.shape)>=self.p)/(1-self.p) if self.training else x
class ByLayer(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p,self.drop = p,nn.Dropout(p)
    def forward(self, x): return self.drop(x)*(1-self.p)
class Kept(Factor):
    def __init__(self, p): super().__init__(1-p)
class Forgets(Factor):
    def __init__(self, p): super().__init__(p, 1.)

class NotSetUp(nn.Module):
    def __init__(self, p): self.p = p
    def forward(self, x): return x*(torch.rand(x.shape)>=self.p) if self.training else x*(1-self.p)

REMEMBERED = {'training loss': 0.32, 'validation loss': 0.38, 'training': 0.92, 'validation': 0.9}
FORGOTTEN = {'training loss': 0.36, 'validation loss': 0.58, 'training': 0.92, 'validation': 0.9}

BY_NUMBER = {f'{n} digits': {'validation': o} for n,o in ((100,0.78), (300,0.865), (1000,0.909), (3000,0.947))}

def line_at(ns, errors, n):
    a = torch.stack((torch.ones(len(ns)), tensor(ns).float().log()), 1)
    w = torch.linalg.lstsq(a, tensor(errors).log()[:,None]).solution.flatten()
    return exp(w[0]+w[1]*log(n))
FORECAST = line_at([100,300,1000], [0.22,0.135,0.091], 3000)

TRIED = [o for o in read_runs('overfitting') if o['table']=='search' and o['source']=='full']
def by_draws(lead, seed=0, key='chosen_by'):
    g = torch.Generator().manual_seed(seed)
    def one(k):
        drawn = [TRIED[i] for i in torch.randperm(len(TRIED), generator=g)[:k]]
        return lead(max(drawn, key=lambda o: o[key]))
    return {k: mean(one(k) for _ in range(1000)) for k in (1,3,10,30,100)}
MEANS = {k: mean(o[k] for o in TRIED) for k in ('chosen_by','accuracy')}
def less(o): return o['chosen_by']-MEANS['chosen_by']-(o['accuracy']-MEANS['accuracy'])

RIGHT = {'08.1': [([0.93,0.94],[0.9,0.91]), (tensor([0.91,0.9,0.95]),(0.88,0.9,0.87))],
         '08.2': [(Y, noise(0.3), LONG, SHORT), (Y, noise(0.3, seed=2), LONG, SHORT)],
         '08.3': [(o, REMEMBERED, FORGOTTEN) for o in (Factor, Where)],
         '08.4': [(log(91),0.5003), (tensor(4.511),tensor(0.5003, requires_grad=True)), (4.51,0.5)],
         '08.5': [{3: 0.22, 10: 0.3, 100: 0.84}, {100: tensor(0.8), 10: tensor(0.35), 3: tensor(0.2)}],
         '08.6': [(BY_NUMBER, FORECAST), (BY_NUMBER, tensor(FORECAST))],
         '08.7': [(TRIED, by_draws(less)), (TRIED, by_draws(less, seed=1))]}

WRONG = {'08.1': [([1.,1.],[1.,1.]), ([0.85,0.9],[0.9,0.91]), ([0.93],[0.9]), ([93.,94.],[90.,91.]), ([0.93,0.94],[0.5,0.6]), (0.93,0.9),
                  ([1.,1.],[0.9,0.91])],
         '08.2': [(Y, Y, LONG, SHORT), (Y, noise(0.7), LONG, SHORT), (Y, noise(0.3), SHORT, LONG), (Y, noise(0.3)[:500], LONG, SHORT),
                  (Y, noise(0.3)+0.5, LONG, SHORT), (Y, noise(0.3), 0.73, 0.84),
                  (Y, noise(0.3), LONG|{'training': 0.6}, SHORT), (Y, noise(0.3), LONG, SHORT|{'validation': 0.7}),
                  (Y, Y.clone(), LONG, SHORT),
                  (Y, noise(0.3), LONG|{'training': 1., 'validation': 0.89}, SHORT|{'training': 0.9, 'validation': 0.86})],
         '08.3': [(Modern, REMEMBERED, FORGOTTEN), (Kept, REMEMBERED, FORGOTTEN), (Forgets, REMEMBERED, FORGOTTEN),
                  (Factor, FORGOTTEN, REMEMBERED), (Factor, REMEMBERED, REMEMBERED), (ByLayer, REMEMBERED, FORGOTTEN),
                  (Factor, 0.38, 0.58), (NotSetUp, REMEMBERED, FORGOTTEN)],
         '08.4': [(log(81),0.5448), (log(91),0.0858), (91.,0.5003), (log(91),0.), (None,0.5003), (0.5003,log(91)), (log(90),0.5003),
                   (log(81),0.5003), (log(9),0.5003)],
         '08.5': [{3: 0.7, 10: 0.95, 100: 1.}, {3: 0.09, 10: 0.1, 100: 0.11}, {3: 0.3, 10: 0.28, 100: 0.84}, [0.22,0.29,0.84],
                  {3: 22., 10: 30., 100: 84.}],
         '08.6': [(BY_NUMBER, o) for o in (0.053, 1-FORECAST, log(FORECAST), line_at([100,300,1000,3000], [0.22,0.135,0.091,0.053], 3000),
                                           FORECAST*1.02, None)],
         '08.7': [(TRIED, o) for o in (by_draws(lambda o: -less(o)), by_draws(less, key='accuracy'), by_draws(lambda o: o['chosen_by']-
                                       o['accuracy']), by_draws(lambda o: o['chosen_by']-MEANS['chosen_by']), {1: 0.},
                                       [0.,0.02,0.04,0.04,0.05])]}

@pytest.mark.parametrize('number,answer', [(k, o) for k,os in RIGHT.items() for o in os])
def test_a_right_answer_passes(number, answer):
    v = verdict(number, answer)
    assert v, v.text

@pytest.mark.parametrize('number,answer', [(k, o) for k,os in WRONG.items() for o in os])
def test_a_wrong_answer_is_found(number, answer): assert verdict(number, answer).state=='wrong'

def test_what_is_wrong_is_told():
    for number,i,text in (('08.1', 0, 'accuracies on training digits'), ('08.1', -1, '`mine` are too high'), ('08.2', 0, '`y` itself'),
                          ('08.2', 1, 'seven in ten'), ('08.2', -1, 'y=noisy'), ('08.2', -2, 'no label is wrong'),
                          ('08.3', -2, 'are dicts'),
                          ('08.3', -1, 'super().__init__()'), ('08.4', -4, 'are swapped'), ('08.4', -3, '0.91, not 0.9'),
                          ('08.4', -2, '0.91 and 0.01'), ('08.4', -1, 'compares 0.9 with 0.1'), ('08.3', 0, 'as it is written today'),
                          ('08.3', 3, 'other way round'), ('08.4', 0, '0.91 and 0.01'), ('08.5', 0, 'true labels'),
                          ('08.6', 3, 'through all four points'), ('08.7', 0, 'every sign is wrong')):
        v = verdict(number, WRONG[number][i])
        assert text in v.mistake, v.text
    assert '4.51' not in verdict('08.4', (1., 2.)).text  # what was wanted is not shown

@pytest.mark.parametrize('number,answer', [('08.1', (...,...)), ('08.2', (Y,...,LONG,...)), ('08.3', (Factor,...,...)), ('08.5', ...)])
def test_an_empty_answer_is_not_yet(number, answer): assert verdict(number, answer).text==f'{number}: not yet'
