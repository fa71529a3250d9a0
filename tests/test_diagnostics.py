"Activation statistics and gradient clipping where the page does not go."
import math
import pytest, torch
from torch import nn
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.diagnostics import ActivationStats, GradientClip
from fastfound.handwriting import new_learner
from fastfound.learner import Callback, CancelBackwardException
from fastfound.mixed_precision import MixedPrecision
from fastfound.optimizers import SGD
from learners import three_classes, tiny

def test_clipping_sees_the_unscaled_gradients():
    norms = []
    for cbs in ([], [MixedPrecision(torch.float16, force=True)]):
        clip,learn = GradientClip(0.5),three_classes()
        learn.fit(2, cbs=[*cbs, clip], quiet=True)
        norms.append(torch.tensor(clip.norms))
    near(norms[1], norms[0], tol=0.05)

def test_statistics_are_of_training_only():
    "A callback that evaluates in the middle of training adds nothing to them"
    class Evaluates(Callback):
        run_valid = False
        def after_loss(self): self.learn.validate()
    def stats(*cbs):
        set_seed(0)
        learn,s = three_classes(),ActivationStats(bins=7)
        learn.model[2] = nn.Sequential(nn.ReLU(), learn.model[2])
        learn.fit(2, cbs=[s, *cbs], quiet=True)
        return s.stats[0]
    plain,with_evaluation = stats(),stats(Evaluates)
    assert len(plain['mean'])==6 and plain['mean']==with_evaluation['mean'] and plain['dead']==with_evaluation['dead']

def test_errors():
    with pytest.raises(ValueError, match='wanted a number above 0'): GradientClip(0)
    with pytest.raises(ValueError, match='got a model without ReLU'): tiny(cbs=ActivationStats()).fit(1, quiet=True)

# Gradients that cannot be clipped

@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('cbs', [[], [MixedPrecision(force=True)]], ids=['float32', 'bfloat16'])
def test_gradients_that_are_no_numbers(value, cbs):
    "An error in words before the step, so the weights stay good; neither a step of nan, nor one of zeros"
    class Breaks(Callback):
        run_valid = False
        def after_backward(self):
            if self.learn.epoch==1:
                self.before = [p.detach().clone() for p in self.learn.model.parameters()]
                next(self.learn.model.parameters()).grad.view(-1)[0] = value
    learn,breaks,clip = three_classes(),Breaks(),GradientClip(1.)
    with pytest.raises(FloatingPointError, match=f'got gradients with a norm of {abs(value)} in epoch 1, batch 0 .*wanted finite ones'):
        learn.fit(2, cbs=[breaks, clip, *cbs], quiet=True)
    assert all(torch.equal(a, b) for a,b in zip(breaks.before, learn.model.parameters())) and len(clip.norms)==3

def test_an_overflow_that_loss_scaling_skips_is_not_clipped():
    class Overflow(Callback):
        order,run_valid = -30,False
        def after_backward(self):
            if self.learn.iter==1: next(self.learn.model.parameters()).grad.fill_(math.inf)
    learn,clip = three_classes(),GradientClip(1.)
    learn.fit(1, cbs=[MixedPrecision(torch.float16, force=True), Overflow, clip], quiet=True)
    assert len(clip.norms)==2 and all(p.isfinite().all() for p in learn.model.parameters())

def test_without_gradients_the_step_says_so():
    "A frozen model, or a backward pass that was cancelled"
    class Cancels(Callback):
        def before_backward(self): raise CancelBackwardException
    learn = tiny(opt_func=SGD, cbs=[Cancels, GradientClip()])
    with pytest.raises(RuntimeError, match='no parameter has a gradient'): learn.fit(1, quiet=True)

def test_some_parameters_without_gradients():
    clip,learn = GradientClip(1e-3),three_classes()
    learn.model[0].weight.requires_grad_(False)
    before = learn.model[0].weight.clone()
    learn.fit(1, cbs=clip, quiet=True)
    assert len(clip.norms)==3 and torch.equal(before, learn.model[0].weight)

@pytest.mark.parametrize('max_norm', [1e-3, 1e9])
def test_gradients_of_our_own_layers_are_clipped(max_norm):
    "Which keep them in `.g`"
    x,y = torch.rand(8,1,28,28),torch.randint(0, 10, (8,))
    norms = []
    class Norms(Callback):
        run_valid = False
        def after_step(self): norms.append(torch.cat([p.g.flatten() for p in self.learn.model.parameters()]).norm())
    clip = GradientClip(max_norm)
    new_learner((x, y), (x, y), bs=4).fit(1, cbs=[clip, Norms], quiet=True)
    near(torch.stack(norms), torch.tensor(clip.norms).clamp(max=max_norm), tol=1e-5)

def test_sparse_gradients_are_clipped():
    learn = three_classes()
    learn.model,clip = nn.Sequential(nn.Embedding(9,3, sparse=True), nn.Flatten(), nn.Linear(6,3)),GradientClip(1e-2)
    x,y = torch.randint(0, 9, (30,2)),torch.randint(0, 3, (30,))
    learn.dls,learn.opt_func = DataLoaders(DataLoader((x, y), 10)),torch.optim.SGD
    learn.fit(1, cbs=clip, quiet=True)
    assert len(clip.norms)==3 and min(clip.norms)>1e-2
