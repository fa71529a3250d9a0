"Training with 16 bits: gradients that overflow, steps that are skipped, and a processor that is slower with them."
import math
import pytest, torch
import fastfound.interpret
from fastfound import mixed_precision
from fastfound.basics import test_near as near
from fastfound.learner import Callback, CancelBatchException, CancelStepException
from fastfound.mixed_precision import MixedPrecision
from learners import three_classes

class Stop(Exception): pass

def test_16_bits_end_with_the_fit():
    "Also with one that ends in an error"
    class Fails(Callback):
        def after_pred(self): raise Stop
    learn = three_classes()
    assert learn.get_preds()[0].dtype==torch.float32
    learn.fit(1, cbs=MixedPrecision(force=True), quiet=True)
    assert learn.get_preds()[0].dtype==torch.float32
    with pytest.raises(Stop): learn.fit(1, cbs=[MixedPrecision(force=True), Fails], quiet=True)
    assert learn.get_preds()[0].dtype==torch.float32 and not torch.is_autocast_enabled('cpu')
    assert learn.step.__func__ is type(learn).step

def test_an_overflowing_gradient_skips_the_step():
    class Overflow(Callback):
        "Makes the gradients of one batch infinite"
        order,run_valid = -1,False
        def after_backward(self):
            if self.learn.iter==1:
                self.before = [p.detach().clone() for p in self.learn.model.parameters()]
                next(self.learn.model.parameters()).grad.fill_(math.inf)
        def after_step(self):
            if self.learn.iter==1: assert all(torch.equal(a, b) for a,b in zip(self.before, self.learn.model.parameters()))
    learn = three_classes()
    learn.fit(2, cbs=[MixedPrecision(torch.float16, force=True), Overflow()], quiet=True)
    assert all(p.isfinite().all() for p in learn.model.parameters())

@pytest.mark.parametrize('error', [CancelStepException, CancelBatchException])
def test_float16_with_steps_that_are_skipped(error):
    "A callback skips two of three steps, or accumulates the gradients of three batches: the same as without 16 bits, but for rounding"
    class Skip(Callback):
        run_valid = False
        def before_step(self):
            if self.learn.iter%3: raise error
    def weights(*cbs):
        learn = three_classes()
        learn.fit(3, 0.05, cbs=[Skip, *cbs], quiet=True)
        return torch.cat([p.detach().flatten() for p in learn.model.parameters()])
    # float16 has 11 significant bits; a scale that is left in would be a factor of 65,536
    near(weights(MixedPrecision(torch.float16, force=True)), weights(), tol=0.02)

def test_optimizers_of_pytorch_in_float16():
    learn = three_classes()
    learn.opt_func = torch.optim.Adam
    learn.fit(3, 0.01, cbs=MixedPrecision(torch.float16, force=True), quiet=True)
    assert learn.recorder['train_loss'][-1]<learn.recorder['train_loss'][0]

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('slower', [True, False])
def test_16_bits_stand_aside_where_they_are_slower(monkeypatch, capsys, dtype, slower):
    "To the last bit as without the callback, and it says so once; `force` insists"
    monkeypatch.setattr(mixed_precision, 'is_slower_in', lambda dtype: slower)
    def trained(*cbs):
        learn,types = three_classes(),set()
        class Types(Callback):
            def after_pred(self): types.add(self.learn.pred.dtype)
        for _ in range(2): learn.fit(1, 0.05, cbs=[Types, *cbs], quiet=True)
        return types,torch.cat([p.detach().flatten() for p in learn.model.parameters()])
    types,weights = trained(MixedPrecision(dtype))
    told = capsys.readouterr().out
    assert types=={torch.float32 if slower else dtype} and torch.equal(weights, trained()[1])==slower
    says = (f'MixedPrecision: this processor is slower with {dtype} than with float32, so training stays in float32; '
            '`force=True` would change that\n')
    assert told==(says if slower else '')
    assert trained(MixedPrecision(dtype, force=True))[0]=={dtype} and not capsys.readouterr().out

def test_which_is_slower_is_measured():
    "By a product of 256 by 256"
    assert mixed_precision.is_slower_in(torch.int64)  # which no library multiplies for PyTorch

def test_the_measurement_leaves_the_random_numbers_of_the_training_alone():
    before = torch.get_rng_state()
    mixed_precision.is_slower_in.__wrapped__(torch.bfloat16)  # not from the cache
    assert torch.equal(torch.get_rng_state(), before)

def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match='wanted torch.bfloat16 or torch.float16'): MixedPrecision(torch.float64)
