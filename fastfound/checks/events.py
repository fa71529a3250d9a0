"Chapter 5: a callback that ends a fit."
import math
from types import SimpleNamespace
import torch
from .spec import check, made

def losses():
    "One loss each, some of them no number that can be compared"
    for o in (0.5, 101., 2.3, math.nan, 99.5, 100., 1e30, math.inf, -5., 0.): yield o,

def use_stop(cls, loss):
    "What the callback does after a loss"
    cb = cls()
    cb.learn = SimpleNamespace(loss=torch.tensor(loss), epoch=0, iter=0, training=True)
    try: cb.after_loss()
    except Exception as e: return f'it raises {type(e).__name__}'
    return 'it lets the fit go on'

def stopping(exploded, name='CancelFitException', loss=lambda self: self.learn.loss):
    "What comes of a callback that raises where the loss has `exploded`"
    class Wrong:
        def after_loss(self):
            if exploded(loss(self).item()): raise type(name, (Exception,), {})
    return made(use_stop, Wrong)

@check('StopIfExploded', '05', losses, use=use_stop, names=('the loss',), same=('StopIfExploded',), hints=(
    'The loss is a tensor of one number, `self.learn.loss`. What does `nan<100` give, and what `nan>=100`? Which exception ends the fit?',
    'Ask whether the loss, as a number, is *not* below 100; this also holds for nan, for which every comparison is false. If so, raise '
    '`CancelFitException`.'), mistakes={
    'a loss that is nan lets the fit go on, as every comparison with nan is false; ask whether it is *not* below 100':
        stopping(lambda o: o>=100),
    'every comparison with nan is false, so that `loss>100` lets nan go on; ask whether the loss is *not* below 100':
        stopping(lambda o: o>100),
    'this ends the batch, and the next one begins; raise `CancelFitException`, which ends the fit':
        stopping(lambda o: not o<100, 'CancelBatchException'),
    'this ends the epoch, and the next one begins; raise `CancelFitException`, which ends the fit':
        stopping(lambda o: not o<100, 'CancelEpochException'),
    'a callback has no `loss`; the Learner has it, `self.learn.loss`': stopping(lambda o: not o<100, loss=lambda self: self.loss),
    'it stops every fit; the loss has exploded where it is *not* below 100': stopping(lambda o: True),
    'it stops the fits that go well; the loss has exploded where it is *not* below 100': stopping(lambda o: o<100)})
def stop_wanted(loss): return 'it lets the fit go on' if loss<100 else 'it raises CancelFitException'
