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

TRAINING = [(CancelFitException, EVENTS[1:17]), (CancelEpochException, EVENTS[1:14]), (CancelTrainException, EVENTS[2:13]),
            (CancelBatchException, EVENTS[3:12]), (CancelBackwardException, EVENTS[8:9]), (CancelStepException, EVENTS[10:11])]
VALIDATION = [(CancelEpochException, EVENTS[14:16]), (CancelValidException, EVENTS[14:15]), (CancelBatchException, EVENTS[3:8])]

@pytest.mark.parametrize('error, event', [(error, o) for error,events in TRAINING for o in events])
def test_what_is_cancelled_in_training(error, event):
    "The same events follow, the same weights come out. (A callback that fails in before_fit gets no after_fit in the library.)"
    both(opt_func=torch.optim.SGD, at=event, error=error)  # ours refuses a step without any gradient

@pytest.mark.parametrize('error, event', [(error, o) for error,events in VALIDATION for o in events])
def test_what_is_cancelled_in_validation(error, event): both(at=event, error=error, training=False)

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
