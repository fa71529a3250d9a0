"Training with 16 bits: gradients that overflow, steps that are skipped, and a processor that is slower with them."
import inspect, math
import pytest, torch, torch.nn.functional as F
import fastfound.interpret
from fastfound import mixed_precision
from torch import nn
from fastfound.basics import test_near as near
from fastfound.checkpoints import Checkpoint
from fastfound.diagnostics import GradientClip
from fastfound.handwriting import new_learner
from fastfound.hooks import Hooks
from fastfound.learner import Callback, CancelBackwardException, CancelBatchException, CancelStepException
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
    monkeypatch.setattr(mixed_precision, 'is_slower_in', lambda *args: slower)
    def trained(*cbs):
        learn,types = three_classes(),set()
        class Types(Callback):
            def before_fit(self): self.hooks = Hooks([self.learn.model[0]], lambda layer,out: types.add(out.dtype))
            def after_fit(self): self.hooks.remove()
        for _ in range(2): learn.fit(1, 0.05, cbs=[Types, *cbs], quiet=True)
        return types,torch.cat([p.detach().flatten() for p in learn.model.parameters()])
    types,weights = trained(MixedPrecision(dtype))
    told = capsys.readouterr().out
    assert types=={torch.float32 if slower else dtype} and torch.equal(weights, trained()[1])==slower
    says = (f'MixedPrecision: this processor is slower with {dtype} than with float32 on layers like those of this model, '
            'so training stays in float32; `force=True` would change that\n')
    assert told==(says if slower else '')
    assert trained(MixedPrecision(dtype, force=True))[0]=={dtype} and not capsys.readouterr().out

@pytest.mark.parametrize('ratio, slower', [(10, True), (2, True), (1.4, False), (0.5, False)])
@pytest.mark.parametrize('shape', [(256,256), (10,784), (64,64,3,3), (16,1,5), (8,4,3,3,3)], ids=str)
def test_which_is_slower_is_measured(monkeypatch, ratio, slower, shape):
    "By a training step with a weight of this shape; close calls stay in 16 bits, so that two runs do not differ"
    clock = [0.]
    def process_time(): return clock[0]
    monkeypatch.setattr(mixed_precision.time, 'process_time', process_time)
    grad = torch.autograd.grad
    def timed(y, w):
        clock[0] += ratio if y.grad_fn.next_functions[0][0] is not None and half(y) else 1.
        return grad(y, w)
    def half(y):  # whether the layer's output was converted from 16 bits
        return 'ToCopy' in str(y.grad_fn.next_functions[0][0])
    monkeypatch.setattr(torch.autograd, 'grad', timed)
    assert inspect.unwrap(mixed_precision.is_slower_in)(torch.bfloat16, shape)==slower

LARGEST = [(nn.Linear(3000,2000), (1024,1024)), (nn.Sequential(nn.Conv2d(1,100,5), nn.Linear(20,10)), (64,1,5,5)),
           (nn.Sequential(nn.Conv2d(1,4,3), nn.BatchNorm2d(4), nn.Linear(100,10)), (10,100)), (nn.BatchNorm1d(9), (256,256)),
           (nn.Conv3d(2,3,3), (3,2,3,3,3)), (nn.Embedding(50,8), (50,8))]

@pytest.mark.parametrize('model, shape', LARGEST, ids=lambda o: str(o) if isinstance(o, tuple) else '')
def test_the_largest_layer_is_what_is_measured(monkeypatch, model, shape):
    asked = []
    monkeypatch.setattr(mixed_precision, 'is_slower_in', lambda *args: asked.append(args))
    learn = three_classes()
    learn.model,cb = model,MixedPrecision()
    cb.learn = learn
    cb.before_fit()
    assert asked==[(torch.bfloat16, shape)]

def test_the_measurement_leaves_the_random_numbers_of_the_training_alone():
    before = torch.get_rng_state()
    mixed_precision.is_slower_in.__wrapped__(torch.bfloat16)  # not from the cache
    assert torch.equal(torch.get_rng_state(), before)

def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match='wanted torch.bfloat16 or torch.float16'): MixedPrecision(torch.float64)

# Callbacks that cancel

def weights_of(learn): return torch.cat([p.detach().flatten() for p in learn.model.parameters()])

CANCELS = [('before_step', CancelStepException), ('before_step', CancelBatchException), ('after_backward', CancelBatchException),
           ('before_backward', CancelBatchException), ('after_loss', CancelBatchException), ('after_step', CancelBatchException)]

@pytest.mark.parametrize('order', [-1000, -26, -25, -24, 0, 15, 25, 1000])
@pytest.mark.parametrize('event, error', CANCELS, ids=lambda o: getattr(o, '__name__', o))
def test_any_callback_may_cancel(event, error, order):
    "Before or after any other: the weights are those of the same training in 32 bits, but for rounding, and so are the norms"
    class Cancels(Callback):
        run_valid = False
        def act(self):
            if self.learn.iter%3!=2: raise error
    setattr(Cancels, event, Cancels.act)
    Cancels.order = order
    def trained(*cbs):
        learn,clip = three_classes(),GradientClip(1e9)
        learn.fit(3, 0.05, cbs=[Cancels, clip, *cbs], quiet=True)
        return weights_of(learn),torch.tensor(clip.norms)
    for got,want in zip(trained(MixedPrecision(torch.float16, force=True)), trained()):
        assert got.shape==want.shape
        near(got, want, tol=0.02)

@pytest.mark.parametrize('order', [-1000, 0, 1000])
@pytest.mark.parametrize('event', ['before_backward', 'after_backward'])
def test_a_backward_pass_that_is_cancelled_between_batches_that_wait(event, order):
    "Two batches add up, the backward pass of the third is cancelled, before or after it ran, and then there is a step"
    class Cancels(Callback):
        run_valid = False
        def before_step(self):
            if self.learn.iter!=2: raise CancelBatchException
    def cancel(self):
        if self.learn.iter==2: raise CancelBackwardException
    setattr(Cancels, event, cancel)
    Cancels.order = order
    def trained(*cbs):
        learn = three_classes()
        learn.fit(4, 0.05, cbs=[Cancels, *cbs], quiet=True)
        return weights_of(learn)
    near(trained(MixedPrecision(torch.float16, force=True)), trained(), tol=0.02)

@pytest.mark.parametrize('order', [-1000, 0, 1000])
def test_every_callback_sees_losses_and_gradients_as_they_are(order):
    "From the end of the backward pass on, unless it comes before MixedPrecision itself"
    class Looks(Callback):
        run_valid = False
        def look(self):
            self.seen = [o.clone() for o in (self.learn.loss.detach(), *(p.grad for p in self.learn.model.parameters()))]
        def before_step(self): self.look() if self.order==1000 else None
        def after_step(self): self.look()
    def seen(*cbs):
        learn,looks = three_classes(),Looks()
        looks.order = order
        learn.fit(1, 0.05, cbs=[looks, *cbs], quiet=True)
        return torch.cat([o.flatten() for o in looks.seen])
    near(seen(MixedPrecision(torch.float16, force=True)), seen(), tol=0.02)

@pytest.mark.parametrize('overflow', [(), (1,), (0,4), (2,3)])
def test_loss_scaling_is_that_of_pytorch(overflow):
    "A GradScaler in a plain loop: the same weights to the last bit and the same scale, also where gradients overflow"
    def infinite(i, params):
        if i in overflow: next(params).grad.fill_(math.inf)
    class Overflow(Callback):
        order,run_valid = -1000,False
        def after_backward(self): infinite(self.learn.epoch*3+self.learn.iter, self.learn.model.parameters())
    def loss(p, t): return F.cross_entropy(p.float(), t)
    learn,plain,cb = three_classes(),three_classes(),MixedPrecision(torch.float16, force=True)
    learn.loss_func,learn.opt_func = loss,torch.optim.SGD
    learn.fit(2, 0.05, cbs=[cb, Overflow], quiet=True)
    scaler,opt = torch.amp.GradScaler('cpu'),torch.optim.SGD(plain.model.parameters(), 0.05)
    plain.model.train()
    for i,(x,y) in enumerate([*plain.dls.train]*2):
        with torch.autocast('cpu', torch.float16): out = plain.model(x)
        scaler.scale(loss(out, y)).backward()
        infinite(i, plain.model.parameters())
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()
    assert torch.equal(weights_of(learn), weights_of(plain)) and cb.scale==scaler.get_scale()==65536/2**len(overflow)

def test_the_scale_grows_after_two_thousand_steps():
    learn,cb = three_classes(),MixedPrecision(torch.float16, force=True)
    class Near(Callback):
        order = 1000
        def before_fit(self): cb.good = 1998
    learn.fit(1, 0.05, cbs=[cb, Near], quiet=True)
    assert (cb.scale, cb.good)==(2*65536, 2001)

@pytest.mark.parametrize('order', [-1000, 0, 1000])
def test_resuming_between_batches_that_wait(tmp_path, order):
    "Gradients that wait are saved, scaled or not, and the run ends the same to the last bit"
    class Waits(Callback):
        run_valid = False
        def after_backward(self):
            if self.learn.iter!=2: raise CancelBatchException
    class Stops(Callback):
        order = 100
        def before_batch(self):
            if self.learn.epoch==1 and self.learn.iter==1 and self.learn.training: raise Stop
    Waits.order = order
    def fit(*cbs):
        learn = three_classes()
        learn.fit(3, 0.05, cbs=[Waits, MixedPrecision(torch.float16, force=True), Checkpoint(tmp_path/'c', every=1), *cbs], quiet=True)
        return weights_of(learn)
    whole = fit()
    (tmp_path/'c').unlink()
    with pytest.raises(Stop): fit(Stops)
    assert torch.equal(fit(), whole)

def test_a_backward_pass_by_hand_is_refused():
    "Which would multiply numbers of different types"
    x,y = torch.rand(8,1,28,28),torch.randint(0, 10, (8,))
    for dtype in (torch.bfloat16, torch.float16):
        with pytest.raises(ValueError, match="got a HandLearner, whose model has a backward pass of its own, wanted PyTorch's"):
            new_learner((x, y), (x, y)).fit(1, cbs=MixedPrecision(dtype, force=True), quiet=True)
