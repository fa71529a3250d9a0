"Activation statistics and gradient clipping where the page does not go."
import pytest, torch
from torch import nn
from fastfound.basics import set_seed, test_near as near
from fastfound.diagnostics import ActivationStats, GradientClip
from fastfound.learner import Callback
from fastfound.mixed_precision import MixedPrecision
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
