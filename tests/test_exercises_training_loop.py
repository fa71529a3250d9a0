"The exercises of chapter 5: other right answers pass, and wrong ones do not."
import random
import pytest, torch
import torch.nn.functional as F
from functools import partial
from torch import nn
from fastfound.checking import verdict
from fastfound.checks import find_check
from fastfound.learner import Callback, CancelBatchException, CancelFitException

class StopAtByRow(Callback):
    def __init__(self, target): self.t = target
    def after_epoch(self):
        loss,acc = self.learn.evaluation.values()
        if not acc<self.t: raise CancelFitException
class StopAtByValidation(Callback):
    order = 95
    def __init__(self, target): self.target = target
    def after_epoch(self):
        if self.learn.validate()[1]>=self.target: raise CancelFitException

def worst_by_hand(preds, targ):
    by_class = {}
    for p,t in zip(preds.argmax(1).tolist(), targ.tolist()): by_class.setdefault(t, []).append(p==t)
    return min(sum(o)/len(o) for o in by_class.values())
def worst_by_table(preds, targ):
    table = F.one_hot(targ, preds.shape[1]).float().T @ F.one_hot(preds.argmax(1), preds.shape[1]).float()
    accs = table.diag()/table.sum(1)
    return accs[~accs.isnan()].min()

class ShiftEach(Callback):
    "Each image by a number of its own, with pixels that leave for good"
    def __init__(self, n): self.n = n
    def before_pred(self):
        if not self.training: return
        images = self.xb[0].view(-1,28,28)
        ks = [random.randint(-self.n, self.n) for _ in images]
        moved = [F.pad(o, (self.n,self.n))[:,self.n-k:self.n-k+28] for o,k in zip(images, ks)]
        self.learn.xb = [torch.stack(moved).flatten(1)]
class ShiftInPlace(Callback):
    run_valid = False
    def __init__(self, n): self.n = n
    def before_batch(self): self.learn.xb[0][:] = self.xb[0].roll(torch.randint(2*self.n+1, (1,)).item()-self.n, 1)

class NormsBeforeStep(Callback):
    def __init__(self): self.norms = []
    def before_step(self): self.norms.append((next(self.model.parameters()).grad**2).sum()**0.5)
class NormsAfterStep(Callback):
    norms = ()
    def before_fit(self): self.norms = ()
    def after_step(self): self.norms += self.learn.model[0].weight.grad.flatten().norm(),

class FreezeByFlag(Callback):
    def __init__(self, layer, n): self.layer,self.n = layer,n
    def before_epoch(self): self.layer.requires_grad_(self.epoch>=self.n)
    def after_fit(self): self.layer.requires_grad_(True)
class FreezeByCopy(Callback):
    "Puts the weights back"
    def __init__(self, layer, n): self.layer,self.n = layer,n
    def before_step(self): self.kept = [p.detach().clone() for p in self.layer.parameters()]
    def after_step(self):
        if self.epoch>=self.n: return
        with torch.no_grad():
            for p,o in zip(self.layer.parameters(), self.kept): p.copy_(o)

class SmoothByLoss(Callback):
    "Another loss function during training"
    def before_train(self): self.plain,self.learn.loss_func = self.loss_func,partial(self.loss_func, label_smoothing=0.1)
    def after_train(self): self.learn.loss_func = self.plain
class SmoothByHand(Callback):
    def before_loss(self):
        if not self.training: return
        targets = torch.full((len(self.yb),10), 0.01)
        targets[range(len(self.yb)),self.yb] += 0.9
        self.learn.yb = targets

OTHERS = [('05.1', StopAtByRow), ('05.1', StopAtByValidation), ('05.2', worst_by_hand), ('05.2', worst_by_table), ('05.3', ShiftEach),
          ('05.3', ShiftInPlace), ('05.4', NormsBeforeStep), ('05.4', NormsAfterStep), ('05.5', FreezeByFlag), ('05.5', FreezeByCopy),
          ('05.7', SmoothByLoss), ('05.7', SmoothByHand)]

@pytest.mark.parametrize('number,answer', OTHERS)
def test_another_answer_is_right(number, answer):
    v = verdict(number, answer)
    assert v, v.text

class StopBest(StopAtByRow):
    def before_fit(self): self.best = getattr(self, 'best', 0)
    def after_epoch(self):
        self.best = max(self.best, self.recorder['accuracy'][-1])
        if self.best>=self.t: raise CancelFitException
class StopBatch(StopAtByRow):
    def after_epoch(self):
        if self.recorder['accuracy'][-1]>=self.t: raise CancelBatchException
class NoStop(StopAtByRow):
    def after_epoch(self): return self.recorder['accuracy'][-1]>=self.t
class ShiftDown(ShiftInPlace):
    def before_batch(self): self.learn.xb = [self.xb[0].roll(28*torch.randint(-self.n, self.n+1, ()).item(), 1)]
class ShiftOnce(ShiftInPlace):
    def before_fit(self): self.k = torch.randint(-self.n, self.n+1, ()).item()
    def before_batch(self): self.learn.xb = [self.xb[0].roll(self.k, 1)]
class ShiftHidden(ShiftInPlace):
    def before_batch(self): self.xb = [self.xb[0].roll(torch.randint(-self.n, self.n+1, ()).item(), 1)]
class NormsOfAll(NormsBeforeStep):
    def before_step(self): self.norms.append(sum(p.grad.norm() for p in self.model.parameters()))
class NormsOfLastBatch(NormsBeforeStep):
    def before_step(self): self.norms = [self.model[0].weight.grad.norm()]
class FreezeFirstFit(FreezeByFlag):
    def __init__(self, layer, n): self.layer,self.n,self.past = layer,n,0
    def before_epoch(self): self.layer.requires_grad_(self.past>=self.n)
    def after_epoch(self): self.past += 1
class FreezeForEver(FreezeByFlag):
    def before_epoch(self): self.layer.requires_grad_(False)
class SmoothEpsilon(SmoothByHand):
    def before_loss(self):
        if self.training: self.learn.yb = 0.99*F.one_hot(self.yb, 10) + 0.01/10

WRONG = [('05.1', o) for o in (StopBest, StopBatch, NoStop)] + [('05.3', o) for o in (ShiftDown, ShiftOnce, ShiftHidden)] + [
    ('05.2', lambda preds, targ: (preds.argmax(1)==targ).float().min()), ('05.2', lambda preds, targ: torch.tensor(0.)),
    ('05.4', NormsOfAll), ('05.4', NormsOfLastBatch), ('05.5', FreezeFirstFit), ('05.5', FreezeForEver), ('05.7', SmoothEpsilon),
    ('05.7', StopAtByRow)]

@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('number,answer', WRONG)
def test_a_wrong_answer_is_found(number, answer): assert verdict(number, answer).state=='wrong'

@pytest.mark.parametrize('number', [f'05.{i}' for i in (1,3,4,5,7)])
def test_a_callback_without_a_method_is_not_yet_written(number): assert verdict(number, type('Empty', (Callback,), {})).state=='not yet'

class Memory(nn.Module):
    "Knows the labels of some examples by heart"
    def __init__(self, x, y, n=200):
        super().__init__()
        self.hidden,self.x,self.y = nn.Linear(x.shape[1], n),x,y
    def forward(self, x): return F.one_hot(self.y[torch.cdist(x, self.x).argmin(1)], 10).float()

def digits(labels='random', n=500):
    "Ten kinds of images, with random labels or true ones"
    torch.manual_seed(1)
    kind = torch.arange(n)%10
    x = torch.rand(10,784)[kind] + 0.2*torch.rand(n,784)
    return x,torch.randint(10, (n,)) if labels=='random' else kind

def test_random_labels():
    x,y = digits()
    model = Memory(x, y)
    assert verdict('05.6', (model, x, y, 0.1)) and verdict('05.6', [model, x, y, torch.tensor(0.08)])
    assert verdict('05.6', (model, x, y, ...)).state=='not yet'
    true_x,true = digits('true')
    for wrong,text in (((Memory(true_x, true), true_x, true, 0.9), 'these labels are not random'),
                       ((Memory(x, y.roll(1)), x, y, 0.1), 'the network has not learnt'), ((model, x, y, 1.), 'this is not the accuracy'),
                       ((Memory(x, y, 50), x, y, 0.1), ''), ((model, x[:400], y[:400], 0.1), ''), ((model, x, x, 0.1), '')):
        v = verdict('05.6', wrong)
        assert v.state=='wrong' and v.mistake.startswith(text), v.text
    assert set(find_check('05.6').mistakes)=={verdict('05.6', o).mistake for o in
        ((Memory(true_x, true), true_x, true, 0.9), (Memory(x, y.roll(1)), x, y, 0.1), (model, x, y, 1.))}

