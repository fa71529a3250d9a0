"The loop of the lesson and the library's Learner: the same weights, the same record, the same events."
import ast, json
from pathlib import Path
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.events import BATCH_EVENTS, EVENTS
from fastfound.learner import Callback, CancelBackwardException, CancelBatchException, CancelEpochException, CancelFitException
from fastfound.learner import CancelStepException, CancelTrainException, CancelValidException, Learner
from fastfound.metrics import accuracy, error_rate
from fastfound.optimizers import SGD, Adam
from fastfound.training_loop import BasicLearner, cancelled_by, weighted_mean

def loaders():
    "Batches of different sizes, in training and in validation"
    set_seed(3)
    x,y = torch.randn(75,6),torch.randint(3, (75,))
    return DataLoaders(DataLoader((x[:42], y[:42]), 16, shuffle=True), DataLoader((x[42:], y[42:]), 15))

def network():
    "With layers that compute something else in training"
    set_seed(4)
    return nn.Sequential(nn.Linear(6,8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8,3))

class Tracer(Callback):
    "Records every event, and raises `error` at the first one called `at` in training or in validation"
    def __init__(self, at=None, error=None, training=True):
        self.events,self.at,self.error,self.when = [],at,error,training
        for o in EVENTS: setattr(self, o, lambda event=o: self.respond(event))
    def respond(self, event):
        self.events.append(event)
        error = self.error if event==self.at and (event not in BATCH_EVENTS or self.learn.training==self.when) else None
        if error is None: return
        self.error = None
        raise error

def both(n_epoch=2, opt_func=SGD, **kw):
    "Trained alike: the lesson's with its tracer, and the library's"
    models,tracers = (network(),network()),(Tracer(**kw),Tracer(**kw))
    basic = BasicLearner(loaders(), models[0], F.cross_entropy, opt_func, 0.1, [accuracy, error_rate], [tracers[0]])
    library = Learner(loaders(), models[1], F.cross_entropy, opt_func, 0.1, [accuracy, error_rate], tracers[1])
    set_seed(5)
    basic.fit(n_epoch)
    set_seed(5)
    library.fit(n_epoch, quiet=True)
    for a,b in zip(models[0].state_dict().values(), models[1].state_dict().values()): assert torch.equal(a, b)
    assert tracers[0].events==tracers[1].events
    return basic,library

@pytest.mark.parametrize('opt_func', (SGD, Adam, torch.optim.SGD))
def test_the_same_weights_and_the_same_record(opt_func):
    basic,library = both(3, opt_func)
    assert len(basic.record)==3
    near(torch.tensor(basic.record, dtype=torch.float64), torch.tensor(library.recorder.values, dtype=torch.float64), tol=1e-6)

TRAINING = [(CancelFitException, EVENTS[1:18]), (CancelEpochException, [*EVENTS[1:14], 'after_epoch']),
            (CancelTrainException, EVENTS[2:14]), (CancelBatchException, EVENTS[3:13]), (CancelBackwardException, EVENTS[8:10]),
            (CancelStepException, EVENTS[10:12])]
VALIDATION = [(CancelEpochException, EVENTS[14:17]), (CancelValidException, EVENTS[14:16]),
              (CancelBatchException, [*EVENTS[3:8], 'after_batch'])]

@pytest.mark.parametrize('error, event', [(error, o) for error,events in TRAINING for o in events])
def test_what_is_cancelled_in_training(error, event):
    "The same events follow, the same weights come out. (A callback that fails in before_fit gets no after_fit in the library.)"
    both(opt_func=torch.optim.SGD, at=event, error=error)  # ours refuses a step without any gradient

@pytest.mark.parametrize('error, event', [(error, o) for error,events in VALIDATION for o in events])
def test_what_is_cancelled_in_validation(error, event): both(at=event, error=error, training=False)

def same_record(basic, library):
    assert len(basic.record)==len(library.recorder.values)==2
    near(torch.tensor(basic.record, dtype=torch.float64), torch.tensor(library.recorder.values, dtype=torch.float64), tol=1e-6)

@pytest.mark.parametrize('training', (True, False))
@pytest.mark.parametrize('event', [*EVENTS[3:8], 'after_batch'])
def test_a_cancelled_batch_is_recorded_from_after_loss_on(event, training):
    same_record(*both(opt_func=torch.optim.SGD, at=event, error=CancelBatchException, training=training))

@pytest.mark.parametrize('error, events', TRAINING[3:])
def test_the_record_of_what_is_cancelled_later_in_a_batch(error, events):
    for o in events: same_record(*both(opt_func=torch.optim.SGD, at=o, error=error))

def trained_with(after_loss):
    "The lesson's and the library's, each with a callback that does `after_loss(learn)` in training"
    class Changes(Callback):
        def after_loss(self):
            if self.learn.training: after_loss(self.learn)
    models = network(),network()
    basic = BasicLearner(loaders(), models[0], F.cross_entropy, SGD, 0.1, [accuracy, error_rate], [Changes()])
    library = Learner(loaders(), models[1], F.cross_entropy, SGD, 0.1, [accuracy, error_rate], Changes())
    set_seed(5)
    basic.fit(2)
    set_seed(5)
    library.fit(2, quiet=True)
    for a,b in zip(models[0].state_dict().values(), models[1].state_dict().values()): assert torch.equal(a, b)
    return basic,library

def test_the_loss_is_recorded_before_callbacks_change_it():
    def obvious_mixup(learn): learn.loss = 0.7*learn.loss + 0.3*learn.loss_func(learn.pred, learn.yb.flip(0))
    def triple(learn): learn.loss = 3*learn.loss
    untouched = trained_with(lambda learn: None)[0].record
    for f in (obvious_mixup, triple):
        basic,library = trained_with(f)
        same_record(basic, library)
        assert basic.record[-1]!=untouched[-1]  # the training is another
    once = trained_with(lambda learn: setattr(learn, 'loss', 0*learn.loss))
    same_record(*once)
    assert min(o[0] for o in once[0].record)>0.5  # not the zeros it was changed to

def test_what_differs_in_the_record():
    "A loss changed in validation, and the row of a cancelled epoch"
    class Zero(Callback):
        def after_loss(self):
            if not self.learn.training: self.learn.loss = 0*self.learn.loss
    basic,library = BasicLearner(loaders(), network(), F.cross_entropy, SGD, 0.1, cbs=[Zero()]),Learner(loaders(), network(),
        F.cross_entropy, SGD, lr=0.1, cbs=Zero())
    basic.fit(1)
    library.fit(1, quiet=True)
    assert basic.record[0][1]>0.5 and library.recorder.values[0][1]==0
    basic,library = both(at='before_train', error=CancelEpochException)
    assert len(basic.record)==1 and library.recorder.values[0]==[None]*4

@pytest.mark.parametrize('event', ('after_loss', 'before_pred', 'after_step'))
def test_an_exception_outside_of_its_part_is_an_error(event):
    error = CancelBackwardException
    for fit in (lambda cb: BasicLearner(loaders(), network(), F.cross_entropy, SGD, 0.1, cbs=[cb]).fit(1),
                lambda cb: Learner(loaders(), network(), F.cross_entropy, SGD, lr=0.1, cbs=cb).fit(1, quiet=True)):
        with pytest.raises(error): fit(Tracer(event, error))

def test_an_error_is_no_cancelling():
    "It ends the fit, and nothing after it is called"
    tracer = Tracer('after_loss', ZeroDivisionError('out of patience'))
    with pytest.raises(ZeroDivisionError, match='out of patience'):
        BasicLearner(loaders(), network(), F.cross_entropy, SGD, 0.1, cbs=[tracer]).fit(1)
    assert tracer.events[-1]=='after_loss'

def test_weighted_mean():
    near(torch.tensor(weighted_mean([(3, 1., 0.), (1, 5., 4.)])), torch.tensor([2.,1.]))
    assert str(weighted_mean([]))=='[nan]'
    assert set(cancelled_by)=={'fit', 'epoch', 'train', 'validate', 'batch', 'backward', 'step'}

def test_the_class_is_one_cell_that_fits_on_a_screen():
    "And everything that it calls is defined above it"
    page = json.loads((Path(__file__).parents[1]/'nbs/05_training_loop.ipynb').read_text(encoding='utf-8'))
    cell, = (''.join(c['source']) for c in page['cells'] if '\nclass BasicLearner' in ''.join(c['source']))
    lines = [o for o in cell.splitlines() if o.strip() and not o.startswith('#|')]
    assert len(lines)<=50
    tree = ast.parse(cell)
    own = {o.name for o in ast.walk(tree) if isinstance(o, ast.FunctionDef)}
    used = {o.func.attr for o in ast.walk(tree) if isinstance(o, ast.Call) and isinstance(o.func, ast.Attribute)
            and isinstance(o.func.value, ast.Name) and o.func.value.id=='self'}
    assert used<=own|{'model', 'loss_func', 'metrics'}
