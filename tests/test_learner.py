"The Learner where its page does not go: nested batches, errors, terminals and pipes, interruptions."
import ast, copy, importlib, json, math, os, pkgutil, re, signal, subprocess, sys, textwrap, threading, traceback
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
import numpy as np, pytest, torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader as TorchLoader
import fastfound.all
import fastfound.learner as learner_module
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.display import Table
from fastfound.basics import evaluating, set_seed, test_near as near, torch_state
from fastfound.diagnostics import ActivationStats, GradientClip
from fastfound.events import BATCH_EVENTS, EVENTS
from fastfound.learner import Callback, Learner, Progress
from fastfound.learner import CancelBackwardException, CancelBatchException, CancelEpochException, CancelFitException
from fastfound.learner import CancelStepException, CancelTrainException, CancelValidException
from fastfound.mixed_precision import MixedPrecision
from fastfound.metrics import accuracy, error_rate, predicted_class
from fastfound.optimizers import SGD, Adam
from fastfound.weights import model_state
from learners import PROGRAM, run, three_classes, tiny

# What is on the page

def page(name='05_training_loop'):
    "The sources of the cells of a page"
    return [''.join(c['source']) for c in json.loads((Path(__file__).parents[1]/f'nbs/{name}.ipynb').read_text(encoding='utf-8'))['cells']]

def test_the_class_with_its_loop_fits_on_a_screen():
    "Without the words that document it"
    cell = ast.parse(next(o for o in page('library/learner') if '\nclass Learner:' in o))
    for o in ast.walk(cell):
        if isinstance(o, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(o): del o.body[0]
    assert len([o for o in ast.unparse(cell).splitlines() if o])<=70

def test_the_table_of_events_is_complete():
    table = next(o for o in page() if '| event | a callback can read |' in o)
    names = [n for row in table.splitlines() if row.startswith('|') for n in re.findall(r'`((?:before|after)_\w+)`', row.split('|')[1])]
    assert names==EVENTS

def test_the_table_of_callbacks_is_complete():
    "Each callback of the book with its order, lowest first"
    table = next(o for o in page() if '| callback | `order` | why |' in o)
    rows = [(o.split('|')[1], int(o.split('|')[2])) for o in table.splitlines() if re.match(r'\| `', o)]
    listed = {re.search('`(\\w+)`', name)[1]: order for name,order in rows}
    modules = [importlib.import_module(f'fastfound.{o.name}') for o in pkgutil.iter_modules(fastfound.__path__) if o.name[0]!='_']
    public = [c for m in modules for k,c in vars(m).items() if k[0]!='_' and isinstance(c, type)]
    classes = {c.__name__: c.order for c in public if issubclass(c, Callback) and c is not Callback}
    assert list(listed.values())==sorted(listed.values())
    assert listed.items()<=classes.items() and all(classes[k]==0 for k in classes.keys()-listed.keys()), (listed, classes)

# Batches of any structure

def test_mean_loss_with_targets_in_a_dict():
    "Seventeen rows in batches of sixteen: the mean over rows, not over batches or keys"
    class Items:
        def __len__(self): return 17
        def __getitem__(self, i): return torch.zeros(1),self.target(float(i))
    for target in (lambda v: {'a': v, 'b': 2*v}, lambda v: (v, 2*v), lambda v: [v, 2*v]):
        items = type('Items2', (Items,), {'target': staticmethod(target)})()
        def loss(preds, targ): return (targ['a'] if isinstance(targ, dict) else targ[0]).mean()+0*preds.sum()
        learn = Learner(DataLoaders(DataLoader(items, 16), DataLoader(items, 16)), nn.Linear(1,1), loss)
        learn.fit(1, quiet=True)
        assert learn.recorder.values==[[8., 8.]] and learn.validate()==[8.]

def test_nested_inputs_and_targets_are_moved_to_the_device():
    "To the device called meta, which computes shapes only"
    class Sums(nn.Linear):
        def forward(self, x): return super().forward(x['image'][0])
    batches = [({'image': (torch.zeros(4,3),)}, {'a': torch.zeros(4,2)})]
    learn = Learner(DataLoaders(batches), Sums(3,2).to('meta'), lambda p,t: (p-t['a']).pow(2).mean())
    class Devices(Callback):
        def after_pred(self):
            assert {o.device.type for o in (self.learn.xb[0]['image'][0], self.learn.yb['a'], self.learn.pred)}=={'meta'}
            raise CancelFitException
    learn.fit(1, cbs=Devices, quiet=True)

def test_predictions_in_tuples_and_dicts():
    class Two(nn.Linear):
        def forward(self, x): return super().forward(x),{'x': x}
    learn = tiny(metrics=lambda p,t: len(p[1]['x']))
    learn.model,learn.loss_func = Two(5,1),lambda p,t: F.mse_loss(p[0], t)
    learn.fit(1, quiet=True)
    assert learn.recorder.values[0][2]==4.

def test_targets_that_are_strings():
    learn = tiny()
    learn.dls = DataLoaders([(torch.zeros(3,5), ('a','b','c'))]*2, [(torch.zeros(3,5), ('a','b','c'))])
    learn.loss_func = lambda p,t: p.pow(2).mean()*len(t)
    learn.fit(1, quiet=True)
    assert learn.recorder.n==6

# Metrics

@pytest.mark.parametrize('preds, targ', [((2,3,5), (3,2)), ((4,3), (4,3)), ((4,3), (3,)), ((4,), (4,4)), ((2,5,3,4), (2,4,3))])
def test_accuracy_refuses_shapes_that_do_not_fit(preds, targ):
    for f in (accuracy, error_rate):
        with pytest.raises(ValueError, match='wanted one target for each prediction'):
            f(torch.zeros(preds), torch.zeros(targ, dtype=torch.int64))

def test_accuracy_with_classes_on_any_axis():
    "Segmentation has them on axis 1, sequences on the last"
    g = torch.Generator().manual_seed(0)
    targ = torch.randint(5, (2,3,4), generator=g)
    logits = F.one_hot(targ, 5).float()
    logits[0,0,0] = logits[0,0,0].roll(1)
    assert accuracy(logits, targ).item()==accuracy(logits.movedim(-1, 1), targ).item()==pytest.approx(23/24)
    assert predicted_class(logits.movedim(-1, 1), 1).equal(predicted_class(logits))
    square = torch.zeros(2,3,3)
    with pytest.raises(ValueError, match='axis 1 and on axis 2; say which'): accuracy(square, torch.zeros(2,3, dtype=torch.int64))
    assert accuracy(square, torch.zeros(2,3, dtype=torch.int64), axis=1)==1

@pytest.mark.parametrize('preds, targ', [((6,), (6,)), ((6,), (6,1)), ((6,1), (6,)), ((6,1), (6,1))])
def test_accuracy_of_two_classes(preds, targ):
    logits,labels = torch.tensor([1.,-1,2,-2,3,-3]),torch.tensor([1,0,1,0,0,0])
    assert accuracy(logits.view(preds), labels.view(targ)).item()==pytest.approx(5/6)

def test_metrics_see_the_whole_validation_set():
    "A median, also as a partial; two metrics of one name get two columns"
    def median_error(preds, targ): return (preds-targ).abs().median()
    learn = tiny(metrics=[median_error, partial(median_error), lambda p,t: 1., lambda p,t: 2.])
    learn.dls.valid = DataLoader(learn.dls.valid.dataset, 3)
    learn.fit(1, quiet=True)
    assert learn.recorder.names()[2:]==['median_error', 'median_error_2', '<lambda>', '<lambda>_2'] and learn.recorder['<lambda>_2']==[2.]
    near(torch.tensor(learn.validate()[1:3]), median_error(*learn.get_preds()).expand(2))

def test_losses_are_weighted_by_rows():
    "A last batch that is shorter, in training and in validation"
    learn = tiny(torch.float64)
    learn.dls = DataLoaders(*(DataLoader(o.dataset, 3) for o in (learn.dls.train, learn.dls.valid)))
    learn.fit(1, quiet=True)
    losses,rows = torch.tensor(learn.recorder.losses, dtype=torch.float64),torch.tensor([3.,3,2])
    x,y = learn.dls.valid.dataset
    with torch.no_grad(): want = torch.stack([(losses*rows).sum()/8, F.mse_loss(learn.model(x), y)])
    near(torch.tensor(learn.recorder.values[0], dtype=torch.float64), want, tol=1e-12)

# Callbacks of other libraries

EVENTS_ELSEWHERE = '''cleanup_fit cleanup_batch cleanup_epoch begin_fit begin_batch after_cancel_batch before_batches after_bacth
    on_train_begin on_epoch_end on_batch_begin on_loss_begin on_fit_start on_train_epoch_end on_validation_batch_start on_before_zero_grad
    on_after_backward on_save_checkpoint on_exception on_step on_log on_evaluate on_substep_end'''.split()

@pytest.mark.parametrize('name', EVENTS_ELSEWHERE)
@pytest.mark.parametrize('wrap', [lambda f: f, staticmethod, partial], ids=['method', 'static', 'partial'])
def test_events_of_other_libraries_are_refused(name, wrap):
    with pytest.raises(TypeError, match=f'Mine: got a method {name}, which is no event; wanted'):
        type('Mine', (Callback,), {name: print if wrap is staticmethod else wrap(lambda self: None)})

def test_mixins_are_looked_at_too():
    class Mixin:
        def on_epoch_end(self): pass
    with pytest.raises(TypeError, match='Mine: got a method on_epoch_end'): type('Mine', (Mixin, Callback), {})

@pytest.mark.parametrize('name, says', [('cleanup_fit', 'wanted after_fit: '), ('cleanup_batch', 'wanted after_batch: '),
                                        ('cleanup_validation', 'wanted after_fit: ')])
def test_what_a_cleanup_is_called_here(name, says):
    with pytest.raises(TypeError, match=says): type('Mine', (Callback,), {name: lambda self: None})

@pytest.mark.parametrize('name', ['run_before', 'run_after', 'toward_end'])
@pytest.mark.parametrize('value', [Callback, [], None, True])
def test_order_is_a_number(name, value):
    with pytest.raises(TypeError, match=f'Mine: got {name}, wanted `order`, a number'): type('Mine', (Callback,), {name: value})

@pytest.mark.parametrize('name', 'on_cpu on_gpu on_top on_screen online step_size note batch pred_one once lossy'.split())
def test_helpers_have_any_other_name(name):
    cb = type('Mine', (Callback,), {name: lambda self: 3})()
    tiny().fit(1, cbs=cb, quiet=True)
    assert getattr(cb, name)()==3

@pytest.mark.parametrize('event', ['before_fit', 'after_batch', 'after_epoch'])
@pytest.mark.parametrize('f', [lambda self, learn: None, lambda self, trainer, pl_module: None, lambda self, *, learn: None, lambda: None],
                         ids=['miniai', 'lightning', 'keyword', 'none'])
def test_an_event_takes_no_arguments(event, f):
    with pytest.raises(TypeError, match=rf'Mine: got {event}\(.*wanted {event}\(self\): its Learner is `self.learn`'):
        type('Mine', (Callback,), {event: f})

def test_arguments_with_defaults_are_fine():
    type('Mine', (Callback,), {'before_fit': lambda self, learn=None: None, 'after_fit': lambda *args, **kw: None,
                               'after_epoch': partial(print)})

def test_a_callback_reads_what_its_learner_has():
    seen = []
    class Reads(Callback):
        def after_loss(self):
            same = all(getattr(self, k) is getattr(self.learn, k) for k in ('model', 'pred', 'opt', 'recorder'))
            seen.append((same, self.training, self.iter, self.loss.item()))
    learn = tiny()
    learn.fit(1, cbs=(cb := Reads()), quiet=True)
    assert [o[:3] for o in seen]==[(True, True, 0), (True, True, 1), (True, False, 0)]
    assert [o[3] for o in seen[:2]]==learn.recorder.losses
    assert copy.deepcopy(cb).learn.model.weight.equal(learn.model.weight)
    for name in ('nothing', '_private', 'before_batch'):
        assert not hasattr(cb, name)
        with pytest.raises(AttributeError, match=f"Reads has no attribute '{name}'"): getattr(cb, name)
    with pytest.raises(AttributeError, match="has no attribute 'model'"): Reads().model

@pytest.mark.parametrize('name', ['pred', 'loss', 'model', 'xb', 'training'])
def test_what_a_callback_sets_is_its_own_and_is_told(name):
    class Sets(Callback):
        run_valid = False
        def before_batch(self): setattr(self, name, 3)
    learn,plain = tiny(),tiny()
    with pytest.warns(UserWarning, match=f'Sets sets self.{name}, which hides .* wanted self.learn.{name}'):
        learn.fit(1, cbs=(cb := Sets()), quiet=True)
    plain.fit(1, quiet=True)
    assert vars(cb)[name]==3 and learn.recorder.values==plain.recorder.values

def test_other_names_are_set_in_silence(recwarn):
    class Sets(Callback):
        def before_batch(self): self.lr,self.losses,self.note = 1,[],2
    tiny().fit(1, cbs=Sets, quiet=True)
    assert not recwarn.list

# Events

class Tracer(Callback):
    def __init__(self, events, name=''):
        for event in EVENTS: setattr(self, event, lambda event=event: events.append(name+event))

def test_a_callback_that_is_not_active_gets_no_events():
    events = []
    cb = Tracer(events)
    cb.is_active = lambda: False
    learn = tiny(cbs=cb)
    learn.fit(1, quiet=True)
    learn.validate()
    assert events==[]

def test_validate_runs_the_callbacks_of_the_learner():
    events = []
    tiny(cbs=Tracer(events)).validate()
    assert events==['before_validate', *FORWARD, 'after_validate']

def test_callbacks_run_in_their_order():
    "At the end in reverse, like nested blocks"
    events = []
    first,second = Tracer(events, '1 '),Tracer(events, '2 ')
    second.order = -1
    tiny(cbs=[first, second]).fit(1, quiet=True)
    assert events[:4]==['2 before_fit', '1 before_fit', '2 before_epoch', '1 before_epoch'] and events[-2:]==['1 after_fit', '2 after_fit']

def test_run_train_and_run_valid():
    "They choose among the batch events; the others always fire"
    for training in (True, False):
        events = []
        cb = Tracer(events)
        cb.run_train,cb.run_valid = training,not training
        tiny(cbs=cb).fit(1, quiet=True)
        batches = BATCH_EVENTS*2 if training else [o for o in BATCH_EVENTS if 'backward' not in o and 'step' not in o]
        assert [o for o in events if o in BATCH_EVENTS]==batches
        assert [o for o in events if o not in BATCH_EVENTS]==[o for o in EVENTS if o not in BATCH_EVENTS]

def test_an_error_in_before_fit_is_not_masked():
    "The error itself arrives; callbacks that had started get their after_fit, the others do not"
    events = []
    class Half(Callback):
        def before_fit(self): raise RuntimeError('no such file')
        def after_fit(self): self.handle.close()
    early,late = Tracer(events, 'early '),Tracer(events, 'late ')
    early.order,late.order = -1,1
    learn = tiny()
    with pytest.raises(RuntimeError, match='no such file'): learn.fit(1, cbs=[Half, early, late], quiet=True)
    assert events==['early before_fit', 'early after_fit']
    learn.fit(1, quiet=True)

def test_an_error_in_after_fit_does_not_stop_the_others():
    events = []
    class Fails(Callback):
        order = 5
        def after_fit(self): raise RuntimeError('could not close')
    with pytest.raises(RuntimeError, match='could not close'): tiny(cbs=Tracer(events)).fit(1, cbs=Fails, quiet=True)
    assert events[-1]=='after_fit'

FORWARD = 'before_batch before_pred after_pred before_loss after_loss after_batch'.split()
ENDS = {CancelEpochException: 'epoch', CancelTrainException: 'train', CancelValidException: 'validate', CancelBatchException: 'batch',
        CancelBackwardException: 'backward', CancelStepException: 'step'}

def events_with(error, at):
    "The events of two epochs with two batches and one for validation, where the first `at` raises `error`; and whether that leaves the fit"
    def block(name, *parts): return name,parts
    forward = block('pred'),block('loss')
    train = block('train', *2*[block('batch', *forward, block('backward'), block('step'))])
    valid = block('validate', block('batch', *forward))
    events = []
    def fire(event):
        events.append(event)
        if event==at and events.count(at)==1: raise error
    def go(name, parts):
        try:
            fire(f'before_{name}')
            for part in parts: go(*part)
        except error:
            if ENDS.get(error)!=name: raise
        try: fire(f'after_{name}')
        except error:
            if ENDS.get(error)!=name: raise
    try:
        fire('before_fit')
        try:
            for _ in range(2): go(*block('epoch', train, valid))
        finally: fire('after_fit')
    except error: return events,error is not CancelFitException
    return events,False

@pytest.mark.parametrize('error', [*ENDS, CancelFitException, RuntimeError])
def test_an_exception_ends_what_it_names(error):
    "Wherever it is raised: blocks in the one that it names get no after_ event, that block does, and outside of it it is an error"
    for at in EVENTS:
        events = []
        cb = Tracer(events)
        def act():
            events.append(at)
            if events.count(at)==1: raise error
        setattr(cb, at, act)
        try: tiny(cbs=cb, opt_func=torch.optim.SGD).fit(2, quiet=True)  # which may step without gradients; ours refuses
        except error: left = True
        else: left = False
        assert (events,left)==events_with(error, at), at

def test_skipped_validation_leaves_no_old_results():
    "The row of an epoch without validation has none, not those of the epoch before"
    class Skip(Callback):
        def after_train(self):
            if self.learn.epoch==1: raise CancelEpochException
    class Look(Callback):
        def after_epoch(self): rows.append(self.learn.evaluation is None)
    rows = []
    learn = tiny(cbs=[Skip, Look], metrics=F.mse_loss)
    learn.fit(3, quiet=True)
    assert rows==[False, True, False] and learn.recorder.values[1][1:]==[None, None]

STATE = 'training', 'dl', 'iter', 'n_iter', 'xb', 'yb', 'rows', 'pred', 'loss', 'outputs'

def test_an_evaluation_in_the_middle_of_a_batch_leaves_it_as_it_was():
    "In training and in validation, on batches of another size"
    others = DataLoader((torch.randn(9,5), torch.randn(9,1)), 2)
    seen = []
    class Evaluates(Callback):
        busy = False
        def after_loss(self):
            if self.busy: return
            learn,self.busy = self.learn,True
            before = [getattr(learn, o) for o in STATE]
            learn.validate(others)
            assert all(a is b for a,b in zip(before, [getattr(learn, o) for o in STATE]))
            self.busy = False
            seen.append((learn.training, learn.iter, learn.n_iter, learn.rows, learn.outputs and learn.outputs.rows))
    learn = tiny(cbs=Evaluates)
    learn.dls.valid = DataLoader(learn.dls.valid.dataset, 3)
    learn.fit(1, quiet=True)
    assert seen==[(True,0,2,4,None), (True,1,2,4,None), (False,0,2,3,0), (False,1,2,1,3)]

def test_a_callback_chooses_the_precision_of_the_forward_pass():
    "And not of the loss, which is that of float32; until the end of the fit"
    inside,events = [],[]
    @contextmanager
    def marks():
        inside.append(1)
        try: yield
        finally: inside.pop()
    class Precision(Callback):
        def before_fit(self): self.learn.precision = marks
        def after_pred(self): events.append(('pred', len(inside)))
        def after_loss(self): events.append(('loss', len(inside)))
        def before_backward(self): events.append(('backward', len(inside)))
    learn = tiny()
    learn.fit(1, cbs=Precision, quiet=True)
    assert events==2*[('pred',1), ('loss',0), ('backward',0)] + [('pred',1), ('loss',0)] and learn.precision is nullcontext

def test_a_callback_may_use_the_learner():
    "It evaluates and predicts in the middle of training, and nothing changes"
    class Uses(Callback):
        n,run_valid = 0,False
        def after_loss(self):
            self.n += 1
            self.learn.validate()
        def after_pred(self): self.learn.predict(torch.zeros(5))
    used,unused,uses = tiny(metrics=F.mse_loss),tiny(metrics=F.mse_loss),Uses()
    used.fit(2, cbs=uses, quiet=True)
    unused.fit(2, quiet=True)
    assert (used.recorder.values, uses.n)==(unused.recorder.values, 4)

def test_nan_is_reported_where_it_happens():
    calls = []
    def breaks(preds, targ): return F.mse_loss(preds, targ)*(math.nan if len(calls)==4 else 1)
    class Count(Callback):
        def before_loss(self): calls.append(self.learn.training)
    learn = Learner(tiny().dls, nn.Linear(5,1), breaks, cbs=Count)
    with pytest.raises(FloatingPointError, match='became nan in epoch 1, batch 0 of 2'): learn.fit(3, quiet=True)

# The Learner between fits

def test_a_fit_starts_a_new_record():
    "Its losses, its rates and its epochs; means are over an epoch"
    learn = tiny()
    for n in (3, 2):
        learn.fit(n, quiet=True)
        rec = learn.recorder
        assert (len(rec.losses), len(rec.lrs), len(rec.values), rec.epoch_ends)==(2*n, 2*n, n, [2*(i+1) for i in range(n)])
        for i,row in enumerate(rec.values): assert row[0]==pytest.approx(sum(rec.losses[2*i:2*i+2])/2, rel=1e-6)

def test_each_step_has_the_gradients_of_its_batch():
    "Not those of batches before it, nor what was in `grad` before the fit"
    class Compare(Callback):
        def before_step(self):
            learn = self.learn
            grads = torch.autograd.grad(F.mse_loss(learn.model(*learn.xb), learn.yb), learn.model.parameters())
            for p,want in zip(learn.model.parameters(), grads): near(p.grad, want, tol=1e-12)
    learn = tiny(torch.float64)
    learn.fit(1, quiet=True)
    for p in learn.model.parameters(): p.grad = torch.ones_like(p)
    learn.fit(2, cbs=Compare, quiet=True)
    assert all(p.grad is None for p in learn.model.parameters())

def test_each_fit_trains_and_leaves_the_model_ready_to_predict():
    learn,modes = three_classes(),[]
    class Mode(Callback):
        run_valid = False
        def before_pred(self): modes.append({o.training for o in self.learn.model.modules()})
    for _ in range(2):
        learn.fit(1, cbs=Mode, quiet=True)
        assert not any(o.training for o in learn.model.modules())
    assert modes==6*[{True}]

def test_groups_with_their_own_rates():
    "A rate for a fit is that of the highest group, and the others keep their ratio to it; without one the rates are as they were made"
    def opt_func(params, lr): return SGD([{'params': params[:1], 'lr': lr/4}, {'params': params[1:], 'lr': lr}], lr=lr, momentum=0.9)
    learn,used = tiny(lr=0.25, opt_func=opt_func),[]
    class Rates(Callback):
        def before_step(self): used.append([o['lr'] for o in self.learn.opt.param_groups])
    for lr,want in ((None, [0.0625,0.25]), (0.5, [0.125,0.5]), (None, [0.0625,0.25])):
        used.clear()
        learn.fit(1, lr=lr, cbs=Rates, quiet=True)
        assert used==[want]*2 and learn.recorder.lrs==[want[0]]*2
    opt,buffers = learn.opt,[learn.opt.state[p]['momentum_buffer'].clone() for p in learn.model.parameters()]
    class First(Callback):
        def before_fit(self):
            for p,b in zip(self.learn.model.parameters(), buffers): assert torch.equal(self.learn.opt.state[p]['momentum_buffer'], b)
    learn.fit(1, cbs=First, quiet=True)
    assert learn.opt is opt

def test_a_callback_may_choose_where_a_fit_starts():
    "The epoch and the batch, as a checkpoint does"
    class Start(Callback):
        run_valid = False
        def __init__(self): self.seen = []
        def before_fit(self): self.learn.epoch = 1
        def before_train(self):
            if self.learn.epoch==1: self.learn.iter = 1
        def before_batch(self): self.seen.append((self.learn.epoch, self.learn.iter))
    start = Start()
    tiny().fit(3, cbs=start, quiet=True)
    assert start.seen[0]==(1,1) and start.seen[-2:]==[(2,0), (2,1)], start.seen

def test_a_learner_can_be_copied_after_a_fit():
    learn = three_classes()
    learn.fit(2, quiet=True)
    twin = copy.deepcopy(learn)
    assert twin.recorder.values==learn.recorder.values
    for o in (learn, twin): o.fit(1, quiet=True)
    assert twin.recorder.values==learn.recorder.values and twin.model is not learn.model
    assert all(torch.equal(a, b) for a,b in zip(learn.model.parameters(), twin.model.parameters()))

def test_a_learner_can_be_copied_after_an_error():
    class Stop(Callback):
        def after_backward(self): raise RuntimeError
    learn = three_classes()
    with pytest.raises(RuntimeError): learn.fit(1, cbs=Stop, quiet=True)
    copy.deepcopy(learn).fit(1, quiet=True)

def test_layers_that_are_added_later_are_trained():
    learn = tiny()
    learn.fit(1, quiet=True)
    learn.model = nn.Sequential(learn.model, nn.Linear(1,1))
    before = [p.detach().clone() for p in learn.model.parameters()]
    learn.fit(1, quiet=True)
    assert not any(torch.equal(a, b) for a,b in zip(before, learn.model.parameters()))
    learn.lr = 0.5
    learn.fit(1, quiet=True)
    assert learn.recorder.lrs[-1]==0.5

def test_a_learner_does_not_move_its_model():
    model = nn.Linear(5,1)
    assert Learner(tiny().dls, model, F.mse_loss).model is model and model.weight.device.type=='cpu' and model.training

def test_modes_of_single_layers_survive_an_evaluation():
    frozen = nn.Sequential(nn.Linear(5,5), nn.BatchNorm1d(5)).train()
    frozen[1].eval()
    with evaluating(frozen): assert not frozen[0].training
    assert (frozen.training, frozen[0].training, frozen[1].training)==(True, True, False)

def test_evaluation_is_not_training():
    "Dropout and batch normalisation know the difference, in a fit and outside it"
    set_seed(42)
    x = torch.randn(40,20)
    y = x.argmax(1)%3
    model = nn.Sequential(nn.Linear(20,9), nn.BatchNorm1d(9), nn.Dropout(0.5), nn.Linear(9,3))
    modes = []
    class Mode(Callback):
        def before_pred(self): modes.append((self.learn.training, model.training, model[2].training))
    dls = DataLoaders(DataLoader((x[:30], y[:30]), 10), DataLoader((x[30:], y[30:]), 10))
    learn = Learner(dls, model, F.cross_entropy, SGD, lr=0.1, cbs=Mode)
    learn.fit(2, quiet=True)
    assert modes==2*(3*[(True,)*3] + [(False,)*3])
    model.train()
    mean = model[1].running_mean.clone()
    got = learn.validate(),learn.validate(),learn.get_preds()[0],learn.predict(x[30]).probs
    assert torch.equal(mean, model[1].running_mean) and model.training
    model.eval()
    with torch.no_grad(): preds = model(x[30:])
    near(got[2], preds)
    near(got[3], preds[0].softmax(0))
    assert got[0]==got[1]==[pytest.approx(F.cross_entropy(preds, y[30:]).item(), rel=1e-5)]
    assert got[0]==[pytest.approx(learn.recorder.values[-1][1], rel=1e-5)]

# Arguments

@pytest.mark.parametrize('n', [0, 1.5, True, '3'])
def test_numbers_of_epochs(n):
    with pytest.raises(ValueError, match='wanted a whole number from 1'): tiny().fit(n)

FITS_WITH = {'fit': lambda o, lr: o.fit(1, lr, quiet=True), 'fit_one_cycle': lambda o, lr: o.fit_one_cycle(1, lr, quiet=True),
             'Learner': lambda o, lr: Learner(o.dls, o.model, o.loss_func, lr=lr),
             'later': lambda o, lr: (setattr(o, 'lr', lr), o.fit(1, quiet=True))}

@pytest.mark.parametrize('lr', [0., -1, math.nan, math.inf, -math.inf, np.float32('nan')])
@pytest.mark.parametrize('how', FITS_WITH)
def test_learning_rates(how, lr):
    with pytest.raises(ValueError, match='got lr=.*, wanted a number'): FITS_WITH[how](tiny(), lr)

@pytest.mark.parametrize('lr', [slice(1e-5, 1e-3), slice(1e-3), '0.1', [0.1], (0.1, 0.2), torch.tensor(0.1), True, {}, print])
@pytest.mark.parametrize('how', ['fit', 'fit_one_cycle', 'Learner'])
def test_a_learning_rate_is_a_number(how, lr):
    "A slice, which fastai spreads over groups of layers, is refused with what to do instead"
    learn = tiny()
    before = learn.model.weight.detach().clone()
    with pytest.raises(TypeError, match=f'{how}: got lr=.*, wanted a number above 0') as e: FITS_WITH[how](learn, lr)
    assert ('`opt_func`' in str(e.value))==isinstance(lr, slice) and torch.equal(learn.model.weight, before)

@pytest.mark.parametrize('lr', [math.nan, -0.1, math.inf])
@pytest.mark.parametrize('group', [0, 1])
@pytest.mark.parametrize('event', ['before_fit', 'after_step'])
def test_a_rate_that_becomes_wrong_later_is_told_before_the_next_step(lr, group, event):
    class Breaks(Callback):
        run_valid = False
    setattr(Breaks, event, lambda self: self.opt.param_groups[group].update(lr=lr))
    learn = tiny(opt_func=lambda params, lr: torch.optim.SGD([{'params': [o]} for o in params], lr=lr))
    with pytest.raises(ValueError, match='got a learning rate of .* in the optimizer, wanted a number from 0 up'):
        learn.fit(1, cbs=Breaks, quiet=True)
    assert all(p.isfinite().all() for p in learn.model.parameters())

@pytest.mark.parametrize('name', ['freeze', 'unfreeze', 'freeze_to', 'export', 'fine_tune'])
def test_methods_of_fastai_say_what_to_do_instead(name):
    with pytest.raises(NotImplementedError, match='`layer.requires_grad_|`learn.save|`fit_one_cycle`'):
        getattr(tiny(), name)(*[1][:'_t' in name])

def test_without_an_optimizer_it_is_adam():
    "At a rate of 0.001, as in fastai"
    learn = tiny()
    learn = Learner(learn.dls, learn.model, learn.loss_func)
    weights,twin = learn.model.weight.detach().clone(),copy.deepcopy(learn.model)
    opt = torch.optim.Adam(twin.parameters(), lr=1e-3)
    for xb,yb in learn.dls.train:
        F.mse_loss(twin(xb), yb).backward()
        opt.step()
        opt.zero_grad()
    learn.fit(1, quiet=True)
    near(learn.model.weight, twin.weight, tol=1e-6)
    assert type(learn.opt) is Adam and learn.lr==1e-3 and not torch.equal(learn.model.weight, weights)

# The short last batch

def normalised(train, **kw):
    set_seed(1)
    x,y = torch.randn(65,8),torch.randint(0,3,(65,))
    model = nn.Sequential(nn.Linear(8,16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16,3))
    return Learner(DataLoaders(train((x,y)), DataLoader((x,y), 64)), model, F.cross_entropy, SGD, 0.1, **kw)

@pytest.mark.parametrize('train', [lambda o: DataLoaders.from_dsets(o, o).train, lambda o: DataLoaders.from_dsets(o, o, bs=4).train,
                                   lambda o: DataLoader(o, 32, drop_last=True), lambda o: DataLoader(o, 63)])
def test_batch_normalisation_with_a_short_last_batch(train):
    learn = normalised(train)
    learn.fit(2, quiet=True)
    assert learn.recorder.n%64<2 or learn.recorder.n==65

def test_only_a_last_batch_of_one_row_is_left_out():
    for n,want in ((65, 1), (66, 2), (64, 1), (1, 1), (129, 2)):
        dl = DataLoaders.from_dsets((torch.zeros(n,1), torch.zeros(n)), (torch.zeros(2,1), torch.zeros(2))).train
        assert len(dl)==want==len(list(dl))

@pytest.mark.parametrize('train', [lambda o: DataLoader(o, 64), lambda o: DataLoader(o, 1), lambda o: TorchLoader(list(zip(*o)), 32),
                                   lambda o: [(o[0][:1], o[1][:1])]])
def test_a_training_batch_of_one_row_names_what_to_do(train):
    with pytest.raises(ValueError, match='a training batch of one row, wanted more.*`DataLoader.*drop_last=True'):
        normalised(train).fit(1, quiet=True)

def test_other_errors_of_a_model_are_its_own():
    class Fails(nn.Linear):
        def forward(self, x): raise ValueError('no such thing')
    learn = tiny()
    learn.model = Fails(5,1)
    with pytest.raises(ValueError, match='^no such thing$'): learn.fit(1, quiet=True)

def test_arguments_of_the_wrong_type():
    dls = tiny().dls
    for model,got in ((lambda x: x, 'a function'), (nn.Linear, 'the class Linear'), (None, 'a NoneType'), ([1], 'a list')):
        with pytest.raises(TypeError, match=f'got {got} as model, wanted something that can be called'): Learner(dls, model, F.mse_loss)
    pair = dls.train,dls.valid
    for bad,got in ((dls.train, 'a DataLoader'), (None, 'a NoneType'), (pair, 'a tuple'), (DataLoaders, 'the class DataLoaders')):
        with pytest.raises(TypeError, match=f'got {got} as dls, wanted DataLoaders'): Learner(bad, nn.Linear(5,1), F.mse_loss)
    for bad,got in ((None, 'a NoneType'), ('mse', 'a str'), (nn.MSELoss, 'the class MSELoss'), (torch.zeros(1), 'a Tensor')):
        with pytest.raises(TypeError, match=f'got {got} as loss_func, wanted a function of predictions and targets'):
            Learner(dls, nn.Linear(5,1), bad)
    for bad in (None, 'adam', torch.optim.SGD(nn.Linear(1,1).parameters(), 0.1), 0.1):
        with pytest.raises(TypeError, match=f'got a {type(bad).__name__} as opt_func, wanted a function'): tiny(opt_func=bad)
    for bad in (5, (o for o in dls.valid), print):
        with pytest.raises(TypeError, match=f'got batches of type {type(bad).__name__}, wanted a DataLoader'): tiny().validate(bad)
    with pytest.raises(TypeError, match='wanted a Callback'): tiny(cbs=[print])
    only_x = tiny()
    only_x.dls = DataLoaders(DataLoader(torch.zeros(8,5), 4))
    with pytest.raises(TypeError, match='got a batch that is a Tensor, wanted a tuple of inputs and targets'): only_x.fit(1, quiet=True)
    with pytest.raises(KeyError, match='wanted one of train_loss, valid_loss'): tiny().recorder['acuracy']

def test_no_training_batches():
    learn = tiny()
    learn.dls = DataLoaders(DataLoader(learn.dls.train.dataset, 100, drop_last=True), learn.dls.valid)
    with pytest.raises(ValueError, match='got a training DataLoader without batches'): learn.fit(1)

def test_no_validation_set():
    learn = tiny(metrics=F.mse_loss)
    learn.dls = DataLoaders(learn.dls.train)
    learn.fit(2, quiet=True)
    assert [o[1:] for o in learn.recorder.values]==[[None,None]]*2
    with pytest.raises(ValueError, match='got no validation set'): learn.validate()

def test_no_rows_to_evaluate():
    with pytest.raises(ValueError, match='got no rows to evaluate on'): tiny().validate([])

# The progress display grows as the record does

class Rows:
    "Counts the rows that a Table formats"
    n = 0
    def __init__(self, monkeypatch):
        cells = Table.cells
        def count(table):
            self.n += len(table.rows)
            return cells(table)
        monkeypatch.setattr(Table, 'cells', count)

def test_progress_in_a_pipe_is_linear(monkeypatch, capsys):
    "Each row is formatted once, and printed once; a second fit begins again"
    rows,progress = Rows(monkeypatch),Progress()
    for n in (200, 3):
        tiny().fit(n, cbs=progress, quiet=True)
        lines = capsys.readouterr().out.splitlines()
        assert [o.split()[0] for o in lines]==['epoch', *map(str, range(n))]
    assert rows.n==203

@pytest.mark.parametrize('cost', [1e-4, 1e-2])
def test_progress_in_a_notebook_takes_a_part_of_the_time(monkeypatch, cost):
    "However long a row takes to show, a twentieth of the time at most goes into it; the end shows all. The clock is one of our own"
    clock,shown = [0.],[]
    monkeypatch.setattr(learner_module, 'IN_NOTEBOOK', True)
    monkeypatch.setattr(learner_module.time, 'perf_counter', lambda: clock[0])
    class Screen:
        def show(self, table):
            clock[0] += cost*len(table.rows)
            shown.append(len(table.rows))
    class Epoch(Callback):
        def after_train(self): clock[0] += 0.01
    progress = Progress()
    progress.live = Screen()
    tiny().fit(300, cbs=[progress, Epoch], quiet=True)
    spent,last = sum(shown)*cost,cost*(shown[-1]+shown[-2])
    assert shown[-1]==300 and spent-last<=clock[0]/20 and len(shown)>2

def test_progress_of_slow_epochs_shows_each(monkeypatch):
    clock,shown = [0.],[]
    monkeypatch.setattr(learner_module, 'IN_NOTEBOOK', True)
    monkeypatch.setattr(learner_module.time, 'perf_counter', lambda: clock[0])
    class Epoch(Callback):
        def after_train(self): clock[0] += 60
    progress = Progress()
    progress.live = SimpleNamespace(show=lambda table: shown.append(len(table.rows)))
    tiny().fit(5, cbs=[progress, Epoch], quiet=True)
    assert shown==[1,2,3,4,5]

# Terminals, pipes, interruptions

FITS = '''
learn = learner()
learn.fit(3)
learn.fit(2, quiet=True)
print(learn.recorder.values[-1][0]<1)
'''

@pytest.mark.long
def test_piped(tmp_path):
    r = run(tmp_path, FITS)
    assert r.returncode==0 and r.stderr=='', r.stderr
    lines = r.stdout.splitlines()
    assert lines[0].split()==['epoch', 'train_loss', 'valid_loss', 'accuracy', 'time'] and lines[-1]=='True' and '\r' not in r.stdout
    row = r' +%d +\d\.\d{6} +\d\.\d{6} +[01]\.\d{6} +\d\d:\d\d'
    assert len(lines)==5 and all(re.fullmatch(row % i, o) for i,o in enumerate(lines[1:4]))

@pytest.mark.long
@pytest.mark.skipif(os.name=='nt', reason='Windows has no pseudo-terminals in the standard library')
def test_terminal(tmp_path):
    "A bar moves on the terminal and is gone in the end; the rows stay"
    import fcntl, pty, struct, termios
    (tmp_path/'program.py').write_text(PROGRAM + '''
class Slow(Callback):
    def after_batch(self): time.sleep(0.15)
learner(cbs=Slow).fit(2)
''')
    main,end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    p = subprocess.Popen([sys.executable, 'program.py'], cwd=tmp_path, stdout=end, stderr=end)
    os.close(end)
    seen = b''
    while True:
        try: chunk = os.read(main, 4096)
        except OSError: break
        if not chunk: break
        seen += chunk
    text = seen.decode()
    assert p.wait(600)==0 and 'epoch 1 of 2:' in text and 'epoch 2 of 2:' in text and '5/5' in text
    screen = []
    for line in text.split('\n'):
        shown = ''
        for part in line.rstrip('\r').split('\r'): shown = part+shown[len(part):]
        screen.append(shown.strip())
    assert [o.split()[0] for o in screen if o]==['epoch', '0', '1'], screen

@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT to send to another process')
def test_ctrl_c_keeps_weights_and_record(tmp_path):
    body = '''
    learn = learner()
    class Tidy(Callback):
        def after_batch(self):
            if self.learn.epoch==5 and self.learn.iter==1: print('ready', flush=True)
        def after_fit(self): print('tidied up')
    try: learn.fit(30_000, cbs=Tidy, quiet=True)
    except KeyboardInterrupt: print('interrupted', len(learn.recorder.values)>0, len(learn.recorder.losses)>0)
    before = [p.detach().clone() for p in model.parameters()]
    assert all(torch.equal(a, b) for a,b in zip(before, model.parameters()))
    learn.fit(1, quiet=True)
    print(len(learn.recorder.values))
    '''
    (tmp_path/'program.py').write_text(PROGRAM + textwrap.dedent(body))
    p = subprocess.Popen([sys.executable, 'program.py'], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline()=='ready\n'
    p.send_signal(signal.SIGINT)
    out,err = p.communicate(timeout=600)
    lines = [o for o in out.split('\n') if o!='ready']  # a signal within that print may repeat it
    assert (p.returncode, err)==(0, '') and lines[:3]==['tidied up', 'interrupted True True', '1']

# Interrupts, and two fits at once

class Interrupts:
    "Raises KeyboardInterrupt before line number `n` of all that is executed in fastfound, torch's blocks and contextlib"
    files = 'fastfound','grad_mode','autocast_mode','contextlib'
    def __init__(self, n): self.n,self.count = n,0
    def __call__(self, frame, event, arg):
        if not any(o in frame.f_code.co_filename for o in self.files): return None
        if event=='line':
            self.count += 1
            if self.count==self.n: raise KeyboardInterrupt
        return self
    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self)
    def __exit__(self, *exc): sys.settrace(self.before)

def lines_of(what):
    "How many lines `what(learn)` executes, when it is called a second time"
    for _ in range(2):
        learn = interruptible()
        with (counter := Interrupts(0)): what(learn)
    return counter.count

def interruptible(**kw):
    "A Learner with all that changes the state of PyTorch in a fit, and one layer that is not in training mode"
    learn = three_classes()
    learn.model[1].eval()
    learn.opt_func = partial(SGD, momentum=0.9)
    learn.cbs += [MixedPrecision(torch.float16, force=True), ActivationStats([learn.model[1]]), GradientClip(1.)]
    return learn

def interrupt(what, numbers):
    "Interrupt `what(learn)` before each of the lines in `numbers`, and check what is left behind"
    before = torch_state()
    for n in numbers:
        learn = interruptible()
        try:
            with Interrupts(n): what(learn)
        except KeyboardInterrupt as e: where = [o.name for o in traceback.extract_tb(e.__traceback__)]
        else: raise AssertionError(f'no line {n}')
        assert torch_state()==before, n
        yield learn,n
        learn.fit(1, quiet=True)
        assert not learn.model[1]._forward_hooks or {'__init__','wrapper'} & {*where}, n  # nobody has got those yet
        assert learn.get_preds()[0].dtype==torch.float32 and all(p.isfinite().all() for p in learn.model.parameters()), n

def one_fit(learn): learn.fit_one_cycle(1, 0.1, quiet=True)

@pytest.mark.parametrize('n', [60, pytest.param(300, marks=pytest.mark.long)])
def test_an_interrupt_at_any_line_of_a_fit(n):
    "Grad mode, autocast, its cache and the default dtype are what they were, the model is ready to predict, and it can be trained on"
    total = lines_of(one_fit)
    for learn,at in interrupt(one_fit, range(1, total, max(1, total//n))):
        assert learn.active_cbs==[] and learn.precision is nullcontext and not learn.training and learn.xb is None, at
        assert [o.training for o in learn.model.modules()] in ([False]*4, [True,True,False,True]), at  # or as before, if it had not begun
        assert all(o['momentum']==0.9 for o in (learn.opt.param_groups if learn.opt else ())), at

@pytest.mark.long
def test_an_interrupt_at_any_line_of_the_ends_of_a_fit():
    "Where blocks of PyTorch are left and callbacks are ended: each of the last lines"
    total = lines_of(one_fit)
    for learn,at in interrupt(one_fit, range(total-300, total-20)): assert not any(o.training for o in learn.model.modules()), at

@pytest.mark.parametrize('n', [20, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.parametrize('what', ['validate', 'lr_find'])
def test_an_interrupt_at_any_line_of_a_trial(what, n):
    "The weights too are what they were"
    trials = {'validate': lambda learn: learn.validate(), 'lr_find': lambda learn: learn.lr_find(n=10, end=0.1, show=False)}
    what = trials[what]
    total = lines_of(what)
    weights = model_state(interruptible().model)
    for learn,at in interrupt(what, range(1, total, max(1, total//n))):
        assert all(torch.equal(a, b) for a,b in zip(weights.values(), model_state(learn.model).values())), at

CHANGES = {'grad': lambda: torch.set_grad_enabled(False), 'dtype': lambda: torch.set_default_dtype(torch.float64),
           'autocast': lambda: torch.autocast('cpu', torch.float16).__enter__(),
           'cache': lambda: torch.autocast('cpu', enabled=False, cache_enabled=False).__enter__(),
           'other device': lambda: torch.set_autocast_dtype('cuda', torch.bfloat16)}

@pytest.mark.parametrize('name', CHANGES)
def test_a_fit_sets_back_what_a_callback_changes(name):
    "Also to what the caller has set; autocast whose blocks were left too often is in order as well"
    class Changes(Callback):
        def after_step(self): CHANGES[name]() if self.learn.iter==2 else None
        def after_loss(self): CHANGES[name]() if not self.learn.training else None
    for f in (one_fit, lambda learn: learn.validate(), lambda learn: learn.get_preds()):
        before = torch_state()
        f(three_classes_with(Changes))
        assert torch_state()==before
        with torch.autocast('cpu', torch.bfloat16, enabled=False):
            inside = torch_state()
            f(three_classes_with(Changes))
            assert torch_state()==inside!=before
        assert torch_state()==before

def three_classes_with(cb):
    learn = three_classes()
    learn.cbs.append(cb())
    learn.cbs[-1].learn = learn
    return learn

NESTED = {'fit': lambda learn: learn.fit(1, quiet=True), 'fit_one_cycle': lambda learn: learn.fit_one_cycle(1, 0.1, quiet=True)}

@pytest.mark.parametrize('event', ['before_fit', 'after_loss', 'after_epoch', 'after_fit'])
@pytest.mark.parametrize('name', NESTED)
def test_a_fit_inside_a_fit_is_refused(name, event):
    "In words, and the outer fit ends as with any other error; afterwards there may be another"
    cb = Callback()
    setattr(cb, event, lambda: NESTED[name](cb.learn))
    learn = tiny()
    with pytest.raises(RuntimeError, match='fit: got a call inside another one of this Learner, wanted one after it has ended'):
        learn.fit(2, cbs=cb, quiet=True)
    learn.fit(1, quiet=True)
    assert len(learn.recorder.values)==1

def test_a_fit_of_another_learner_inside_a_fit():
    "As in a search for hyperparameters"
    others = []
    class Others(Callback):
        run_valid = False
        def after_epoch(self):
            others.append(tiny())
            others[-1].fit(1, quiet=True)
    tiny(cbs=Others).fit(2, quiet=True)
    assert len(others)==2 and all(len(o.recorder.values)==1 for o in others)

def test_trials_inside_a_fit_change_nothing():
    "lr_find and validate, as before"
    class Tries(Callback):
        run_valid = False
        def after_epoch(self):
            self.learn.lr_find(show=False)
            self.learn.validate()
    a,b = three_classes_with(Tries),three_classes()
    for o in (a, b): o.fit(2, quiet=True)
    assert a.recorder.values==b.recorder.values and all(torch.equal(p, q) for p,q in zip(a.model.parameters(), b.model.parameters()))

@pytest.mark.parametrize('name', [*NESTED, 'lr_find'])
def test_a_fit_from_another_thread_is_refused(name):
    "While the first goes on as it would have"
    f = NESTED.get(name, lambda learn: learn.lr_find(n=10, show=False))
    errors = []
    class Second(Callback):
        run_valid = False
        def after_loss(self):
            def run():
                try: f(self.learn)
                except RuntimeError as e: errors.append(str(e))
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
    a,b = tiny(cbs=Second),tiny()
    for o in (a, b): o.fit(1, quiet=True)
    name = 'lr_find' if name=='lr_find' else 'fit'
    assert errors==[f'{name}: got a call while another thread is in one of this Learner, wanted one after it has ended']*2
    assert a.recorder.values==b.recorder.values

def test_fits_of_two_learners_in_two_threads():
    learns = [tiny() for _ in range(2)]
    threads = [threading.Thread(target=o.fit, args=(3,), kwargs={'quiet': True}) for o in learns]
    for o in threads: o.start()
    for o in threads: o.join()
    assert all(len(o.recorder.values)==3 for o in learns)

# What is set by hand

ONCE = {'a generator': lambda o: (b for b in o), 'map': lambda o: map(tuple, o), 'zip': lambda o: zip(*zip(*o)), 'nothing': lambda o: None,
        'iterator': lambda o: iter(list(o)), 'rows without a length': lambda o: TorchLoader(Endless(), 4)}

class Endless(torch.utils.data.IterableDataset):
    def __iter__(self): return iter([(torch.zeros(5), torch.zeros(1))]*8)

TRAIN = [lambda o: o.fit(1), lambda o: o.fit_one_cycle(1), lambda o: o.lr_find()]

@pytest.mark.parametrize('act', [*TRAIN, lambda o: o.validate(o.dls.train)])
@pytest.mark.parametrize('kind', ONCE)
def test_batches_that_can_be_passed_over_only_once(kind, act):
    "Or of which nobody knows how many there are"
    learn = tiny()
    learn.dls.train = ONCE[kind](learn.dls.train)
    if kind=='nothing' and learn.dls.train is None: learn.dls.valid = None
    says = 'got batches of type .*wanted a DataLoader with a length|got no validation set'
    with pytest.raises((TypeError, ValueError), match=says): act(learn)

NO_OPTIMIZERS = {'nothing': lambda params, lr: None, 'a number': lambda params, lr: lr, 'parameters': lambda params, lr: params,
                 "another model's": lambda params, lr: torch.optim.SGD(nn.Linear(2,2).parameters(), lr),
                 "another model's, ours": lambda params, lr: SGD(nn.Linear(2,2).parameters(), lr)}

@pytest.mark.parametrize('kind', NO_OPTIMIZERS)
def test_an_opt_func_that_makes_no_optimizer_of_the_model(kind):
    "Which would train nothing"
    with pytest.raises((TypeError, ValueError), match='Learner: got .* from opt_func, wanted'): tiny(opt_func=NO_OPTIMIZERS[kind]).fit(1)

@pytest.mark.parametrize('fits', [0, 1])
@pytest.mark.parametrize('cls', [SGD, torch.optim.SGD, Adam])
def test_an_optimizer_set_by_hand_is_used(cls, fits):
    "With its own rate, unless the fit is given one"
    learn = tiny()
    for _ in range(fits): learn.fit(1, quiet=True)
    learn.opt = opt = cls(learn.model.parameters(), lr=0.03)
    learn.fit(1, quiet=True)
    assert learn.opt is opt and opt.param_groups[0]['lr']==0.03
    learn.fit(1, 0.2, quiet=True)
    assert learn.opt is opt and opt.param_groups[0]['lr']==0.2

def test_another_opt_func_makes_another_optimizer():
    learn = tiny()
    learn.fit(1, quiet=True)
    learn.opt_func = Adam
    learn.fit(1, quiet=True)
    assert type(learn.opt) is Adam

def test_callbacks_set_by_hand():
    "The record goes on; a class makes a callback; what is none is refused before the fit"
    learn = tiny()
    learn.cbs = [GradientClip]
    learn.fit(1, quiet=True)
    assert len(learn.recorder.values)==1 and [type(o).__name__ for o in learn.cbs]==['Recorder', 'GradientClip']
    learn.cbs.append(3)
    with pytest.raises(TypeError, match='Learner: got a int as callback'): learn.fit(1)

@pytest.mark.parametrize('act', TRAIN)
def test_a_model_whose_shapes_are_not_known_yet(act):
    learn = tiny()
    learn.model = nn.LazyLinear(1)
    with pytest.raises(ValueError, match='got a model with lazy parameters, wanted their shapes to be known: `learn.validate'): act(learn)
    learn.validate()
    learn.fit(1, quiet=True)

def test_a_model_without_values():
    learn = tiny()
    learn.model = nn.Linear(5,1, device='meta')
    for f in (learn.validate, partial(learn.fit, 1)):
        with pytest.raises(ValueError, match='Learner: got a loss on meta, without a value'): f()

@pytest.mark.parametrize('skip, fits', [(0,0), (-1,1), (2,1), (1.5,1), ('a',1)])
def test_there_is_nothing_to_plot(skip, fits):
    learn = tiny()
    for _ in range(fits): learn.fit(1, quiet=True)
    with pytest.raises((ValueError,TypeError), match='plot_loss: got skip=.*, wanted a'): learn.recorder.plot_loss(skip)
