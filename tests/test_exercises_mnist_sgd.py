"Chapter 4: answers to the exercises that are right in another way pass, and wrong ones are met by the sentence that explains them."
import random
from functools import partial
import numpy as np
import pytest, torch
import torch.nn.functional as F
from torch import nn, tensor
from fastfound.dataloaders import default_collate
from test_checks import on_page

HOME = dict(torch=torch, F=F, nn=nn, tensor=tensor, np=np, random=random, default_collate=default_collate)
answered = partial(on_page, home=HOME, seconds=3)

LINEAR = '''def rms_distance(a, b): return (a-b).pow(2).mean((-1,-2)).sqrt()
def as_linear(mean3, mean7):
    m3,m7 = mean3.flatten(),mean7.flatten()
    return 2*(m3-m7), m7@m7-m3@m3
'''
WORST = '''@torch.no_grad()
def hardest(model, x, y):
    return F.binary_cross_entropy_with_logits(model(x), y.float(), reduction='none').flatten().topk(5).indices'''
TRAIN = '''def train_by_hand(model, opt, dl, epochs):
    for _ in range(epochs):
        for xb,yb in dl:
            model(xb, yb)
            model.backward()
            opt.step()
            opt.zero_grad()'''
BALANCED = '''class Balanced:
    def __init__(self, labels): self.weights = 1/labels.bincount()[labels]
    def __len__(self): return len(self.weights)
    def __iter__(self): return iter(torch.multinomial(self.weights, len(self), replacement=True).tolist())'''
PAD = '''def pad(items):
    ids = nn.utils.rnn.pad_sequence([tensor(o['ids']) for o in items], batch_first=True)
    return {'ids': ids, 'label': default_collate([o['label'] for o in items])}'''
TWO = '(rms_distance, as_linear)'

RIGHT = [
    ('04.1', LINEAR, TWO),
    ('04.1', '''def rms_distance(a, b): return torch.linalg.norm((a-b).flatten(-2), dim=-1)/(a.shape[-1]*a.shape[-2])**0.5
def as_linear(mean3, mean7):
    w = (mean3-mean7).reshape(-1,1)
    return 5*w, 2.5*(mean7.pow(2).sum()-mean3.pow(2).sum())''', TWO),
    ('04.2', 'def approaches(lr): return 0<lr<1', 'approaches'),
    ('04.2', 'def approaches(lr): return tensor(1-2*lr).abs()<1', 'approaches'),
    ('04.2', '''def approaches(lr):
    x = 3.
    for _ in range(500): x -= lr*2*x
    return abs(x)<0.01''', 'approaches'),
    ('04.3', WORST, 'hardest'),
    ('04.3', '''def hardest(model, x, y):
    p = model(x).sigmoid().detach()
    return (p-y).abs()[:,0].argsort(descending=True)[:5].tolist()''', 'hardest'),
    ('04.4', TRAIN, 'train_by_hand'),
    ('04.4', TRAIN.replace('            opt.zero_grad()', '').replace('model(xb', 'opt.zero_grad(); model(xb'), 'train_by_hand'),
    ('04.5', '', '(1.0, 0.08)'), ('04.5', '', '[tensor(0.995), 0.2]'), ('04.6', BALANCED, 'Balanced'),
    ('04.6', '''class Balanced:
    def __init__(self, labels): self.of = [[i for i,o in enumerate(labels) if o==c] for c in (0,1)]; self.n = len(labels)
    def __len__(self): return self.n
    def __iter__(self):
        for _ in range(self.n): yield random.choice(random.choice(self.of))''', 'Balanced'),
    ('04.6', '''class Balanced(torch.utils.data.WeightedRandomSampler):
    def __init__(self, labels): super().__init__([1/(labels==o).sum().item() for o in labels], 2*len(labels))''', 'Balanced'),
    ('04.7', PAD, 'pad'),
    ('04.7', '''def pad(items):
    n = max(len(o['ids']) for o in items)
    return dict(label=tensor([o['label'] for o in items]), ids=tensor([o['ids']+[0]*(n-len(o['ids'])) for o in items]))''', 'pad')]

@pytest.mark.parametrize('number,code,answer', RIGHT)
def test_another_way_is_right(number, code, answer):
    v = answered(number, code, answer)
    assert v, v.text

WRONG = [
    ('04.1', LINEAR.replace('2*(m3-m7)', 'm3-m7'), TWO, 'do not fit together'), ('04.1', LINEAR.replace('2*(m3-m7)', '2*(m7-m3)'), TWO, ''),
    ('04.1', LINEAR.replace('m7@m7-m3@m3', 'm3@m3-m7@m7'), TWO, 'bias has the wrong sign'),
    ('04.1', LINEAR.replace('pow(2)', 'abs()'), TWO, ''),
    ('04.1', LINEAR.replace('.sqrt()', ''), TWO, 'root of the mean square is missing'),
    ('04.1', LINEAR.replace('mean((-1,', 'sum((-1,'), TWO, 'sum'),
    ('04.1', LINEAR.replace('m7@m7-m3@m3', 'torch.zeros(1)'), TWO, 'bias is missing'),
    ('04.2', 'def approaches(lr): return 0<lr<=1', 'approaches', 'from side to side'),
    ('04.2', 'def approaches(lr): return lr<1', 'approaches', 'go up'),
    ('04.2', 'def approaches(lr): return 0<lr<0.5', 'approaches', 'nearer all the same'),
    ('04.2', 'def approaches(lr): return abs(lr)<1', 'approaches', ''),
    ('04.2', 'def approaches(lr): return 0<lr<2', 'approaches', '2x'),
    ('04.3', WORST.replace('topk(5)', 'topk(5, largest=False)'), 'hardest', 'smallest'),
    ('04.3', WORST.replace('.flatten()', ''), 'hardest', 'flatten'),
    ('04.3', 'def hardest(model, x, y): return model(x).flatten().topk(5).indices', 'hardest', 'largest logits'),
    ('04.3', WORST.replace('y.float()', '1-y.float()'), 'hardest', 'sure of the wrong class'),
    ('04.3', WORST.replace('topk(5)', 'topk(4)'), 'hardest', ''),
    ('04.4', TRAIN.replace('            opt.zero_grad()', ''), 'train_by_hand', 'never cleared'),
    ('04.4', TRAIN.replace('range(epochs)', 'range(1)'), 'train_by_hand', 'single epoch'),
    ('04.4', TRAIN.replace('            opt.step()\n', ''), 'train_by_hand', 'then comes `opt.step()`'),
    ('04.4', TRAIN.replace('model.backward()', ''), 'train_by_hand', 'then comes'),
    ('04.4', TRAIN.replace('model(xb, yb)\n            model.backward()', 'model(xb, yb).backward()'), 'train_by_hand', 'knows nothing'),
    ('04.5', '', '(0.5, 0.5)', 'in the order of the files'),
    ('04.5', '', '(0.05, 1.)', 'swapped'),
    ('04.5', '', '(2038, 100)', 'between 0 and 1'),
    ('04.5', '', '(1., 0.99)', 'did the 7s come'), ('04.5', '', '0.5', ''),
    ('04.6', BALANCED.replace('1/labels.bincount()[labels]', 'torch.ones(len(labels))'), 'Balanced', 'equally often'),
    ('04.6', BALANCED.replace('1/labels', 'labels').replace('[labels]', '[labels].float()'), 'Balanced', 'size of the class'),
    ('04.6', BALANCED.replace(', replacement=True', ''), 'Balanced', 'with replacement'),
    ('04.6', BALANCED.replace('len(self)', '10'), 'Balanced', ''),
    ('04.6', BALANCED.replace('self.weights = 1/labels.bincount()[labels]', 'self.weights = (labels==1).float()'), 'Balanced',
     'only the second'),
    ('04.7', PAD.replace(', batch_first=True', ''), 'pad', 'batch_first'),
    ('04.7', PAD.replace("default_collate([o['label'] for o in items])", "[o['label'] for o in items]"), 'pad', 'one tensor'),
    ('04.7', PAD.replace("{'ids': ids, 'label': default_collate([o['label'] for o in items])}", 'ids'), 'pad', 'dict'),
    ('04.7', PAD.replace('batch_first=True', 'batch_first=True, padding_value=-1'), 'pad', ''),
    ('04.7', PAD.replace("tensor(o['ids'])", "tensor(o['ids'][::-1])"), 'pad', '')]

@pytest.mark.parametrize('number,code,answer,told', WRONG)
def test_a_wrong_answer_is_found(number, code, answer, told):
    v = answered(number, code, answer)
    assert v.state=='wrong' and told in v.mistake, v.text

@pytest.mark.parametrize('number,code,answer', [
    ('04.1', 'def rms_distance(a, b): ...\ndef as_linear(mean3, mean7): ...', TWO), ('04.2', 'def approaches(lr): ...', 'approaches'),
    ('04.1', LINEAR + 'def as_linear(mean3, mean7): ...', TWO), ('04.5', '', '(..., ...)'),
    ('04.6', 'class Balanced:\n    def __init__(self, labels): ...\n    def __len__(self): ...\n    def __iter__(self): ...', 'Balanced')])
def test_an_empty_answer_is_not_yet(number, code, answer): assert answered(number, code, answer).state=='not yet'
