"Metrics and losses over many batches: which way is better, what a batch counts, what is kept, and what is no measurement."
import math, weakref
from collections import UserDict
from dataclasses import dataclass
from functools import partial, wraps
import numpy as np, pytest, torch
import torch.nn.functional as F
from torch import nn
import fastfound.interpret  # gives a Learner its `get_preds`
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.learner import Callback, Learner
from fastfound.metrics import AvgMetric, accuracy, error_rate, lower_is_better, metric_name, predicted_class, loss_reduction
from fastfound.mixed_precision import MixedPrecision
from fastfound.optimizers import SGD
from learners import tiny

# Which way is better

def named(name, **attrs):
    def f(preds, targ): return preds.mean()
    f.__name__ = name
    vars(f).update(attrs)
    return f

class Rated:
    "An object with a direction as torchmetrics has it"
    higher_is_better = True
    def __call__(self, preds, targ): return 1.

@wraps(named('speed', lower=False))
def wrapped(*args): return 1.

LOWER = ['valid_loss', 'mse', 'rmse', 'mae', 'perplexity', 'error_rate', 'MSELoss', 'mean_absolute_percentage_error', 'log_loss',
         'brier_score', 'CategoricalCrossentropy', 'cosine_similarity_loss',
         'dice_loss', F.mse_loss, F.cross_entropy, nn.L1Loss(), partial(F.huber_loss, delta=2.), error_rate, AvgMetric(F.l1_loss),
         named('cost', lower=True), partial(named('cost', lower=True)), named('accuracy', lower=True), AvgMetric(named('speed'),
                                                                                                                 lower=True)]
HIGHER = ['accuracy', 'f1_score', 'roc_auc_score', 'average_precision_score', 'dice', 'jaccard', 'r2', 'BinaryF1Score', 'top_5_accuracy',
          'batch_accuracy', 'MeanIoU', 'FBetaMulti', 'MatthewsCorrCoef', 'JaccardCoeff', 'foreground_acc', 'CosineSimilarity',
          accuracy, partial(accuracy, axis=1), AvgMetric(accuracy), named('gain', lower=False), wrapped, Rated(),
          partial(Rated()), named('mse', lower=False)]
UNKNOWN = ['1-accuracy', '1 - dice',
           'lossless', 'error_free', 'terror', 'neg_log_loss', 'no_error', 'floss', 'speed', 'score', 'loss_per_accuracy', 'misfit',
           lambda preds,targ: 1., partial(lambda preds,targ: 1.), named('rate'), AvgMetric(named('speed')), max]

@pytest.mark.parametrize('metrics, lower', [(LOWER, True), (HIGHER, False), (UNKNOWN, None)], ids=['lower', 'higher', 'unknown'])
def test_which_way_is_better(metrics, lower):
    "As declared by an attribute; else as the whole name is known to mean, and never by a part of it"
    assert [o for o in metrics if lower_is_better(o) is not lower]==[]

def test_names_of_columns():
    class Speed: name = 'km/h'
    p = partial(accuracy)
    p.__name__ = 'mine'
    metrics = [accuracy, partial(accuracy, axis=1), p, AvgMetric(accuracy), AvgMetric(partial(F.mse_loss)), nn.MSELoss(), Speed()]
    assert [metric_name(o) for o in metrics]==['accuracy', 'accuracy', 'mine', 'accuracy', 'mse_loss', 'MSELoss', 'km/h']

# What is no accuracy

LOGITS = torch.tensor([[2.,1,0],[0,3,1],[1,0,5],[1,9,2]])

@pytest.mark.parametrize('targ', [[0,1,2,3], [-1,1,2,0], [-100,1,2,0], [0.,1,2,0.5], [0.,1,2,math.nan], [0.,1,2,math.inf]])
@pytest.mark.parametrize('metric', [accuracy, error_rate, partial(accuracy, axis=-1)])
def test_targets_that_are_no_classes(metric, targ):
    with pytest.raises(ValueError, match='accuracy: got targets .*wanted class numbers'): metric(LOGITS, torch.tensor(targ))

@pytest.mark.parametrize('targ', [[0,1,2], [-1,1,0]])
@pytest.mark.parametrize('shape', [(3,), (3,1)])
def test_two_classes_are_0_and_1(shape, targ):
    with pytest.raises(ValueError, match='wanted class numbers from 0 to 1'): accuracy(torch.ones(shape), torch.tensor(targ))

@pytest.mark.parametrize('dtype', [torch.uint8, torch.int32, torch.float16, torch.bfloat16, torch.float64])
def test_whole_numbers_of_any_dtype_are_classes(dtype):
    assert accuracy(LOGITS, torch.tensor([0,1,2,2]).to(dtype))==0.75 and error_rate(LOGITS, torch.tensor([0,1,2,2]).to(dtype))==0.25

@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize('shape, axis', [((4,), -1), ((4,1), -1), ((4,3), -1), ((4,3,2,2), 1)])
def test_logits_that_are_nan_have_no_class(shape, axis, dtype):
    "One is enough; infinite ones have a class"
    logits = torch.zeros(shape, dtype=dtype)
    logits.view(-1)[0],logits.view(-1)[-1] = math.inf,-math.inf
    assert predicted_class(logits, axis).flatten()[0] in (0, 1)
    logits.view(-1)[0] = math.nan
    with pytest.raises(ValueError, match='got logits that are nan'): predicted_class(logits, axis)
    with pytest.raises(ValueError, match='got logits that are nan'): accuracy(logits, predicted_class(torch.zeros(shape), axis), axis)

@pytest.mark.parametrize('axis', [2, -3, 1.5, 'classes', None])
def test_an_axis_that_is_none(axis):
    with pytest.raises(ValueError, match='got axis=.* wanted one of the 2 axes'): predicted_class(LOGITS, axis)

def test_accuracy_of_nothing():
    with pytest.raises(ValueError, match='at least one'): accuracy(torch.zeros(0,3), torch.zeros(0, dtype=torch.int64))

@pytest.mark.parametrize('bad', [[1,2], 3, 1.5, 'x', None, np.zeros(3), (1,)])
def test_what_is_no_tensor(bad):
    "Which argument, what came, what was wanted"
    for f in (accuracy, error_rate):
        with pytest.raises(TypeError, match=f'accuracy: got logits of type {type(bad).__name__}, wanted a tensor'): f(bad, torch.zeros(3))
        with pytest.raises(TypeError, match=f'accuracy: got targets of type {type(bad).__name__}, wanted a tensor'):
            f(torch.zeros(3,2), bad)

# The loss of many batches is that of the whole set

W = torch.tensor([1.,2.,20.], dtype=torch.float64)
PROBS = torch.rand(10,3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).softmax(1)
REAL = torch.randn(10,3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
CLASSES = torch.tensor([0,0,2,2,1,1,0,1,2,0])
IGNORED = torch.tensor([0,-100,-100,-100,1,0,-100,1,2,0])  # a whole batch of three, too

class Focal(nn.Module):
    "A loss of one's own with `reduction` and weights that divide out"
    def __init__(self, reduction='mean'):
        super().__init__()
        self.reduction = reduction
    def forward(self, p, t):
        loss = F.cross_entropy(p, t, reduction='none')*W[t]
        return loss if self.reduction=='none' else loss.sum() if self.reduction=='sum' else loss.sum()/W[t].sum()

def function(p, t, reduction='mean'): return Focal(reduction)(p, t)

def ignores_reduction(p, t, reduction='mean'): return F.mse_loss(p, t)

class OnlyMean:
    "A loss that knows one reduction, which cannot be set"
    reduction = property(lambda self: 'mean')
    def __call__(self, p, t): return F.mse_loss(p, t)

def only_mean(p, t, reduction='mean'):
    if reduction!='mean': raise NotImplementedError(reduction)
    return F.mse_loss(p, t)

class Flat:
    "A loss around one of PyTorch's, as fastai's"
    def __init__(self): self.func = nn.CrossEntropyLoss(W)
    reduction = property(lambda self: self.func.reduction, lambda self, o: setattr(self.func, 'reduction', o))
    def __call__(self, p, t): return self.func(p.flatten(0, -2), t.flatten())

def declared(p, t): return (F.cross_entropy(p, t, reduction='none')*W[t]).sum()/W[t].sum()
declared.each = lambda p,t: (F.cross_entropy(p, t, reduction='none'), W[t])

def declared_plain(p, t): return (p-t).abs().mean()
declared_plain.each = lambda p,t: (p-t).abs().mean(1)

LOSSES = {
    'class weights': (nn.CrossEntropyLoss(W), CLASSES), 'and smoothing': (nn.CrossEntropyLoss(W, label_smoothing=0.1), CLASSES),
    'ignored class': (nn.CrossEntropyLoss(ignore_index=0), CLASSES), 'ignored': (F.cross_entropy, IGNORED),
    'both': (partial(F.cross_entropy, weight=W), IGNORED), 'partial of partial': (partial(partial(F.cross_entropy, weight=W),
                                                                                          ignore_index=1), CLASSES),
    'nll': (nn.NLLLoss(W), CLASSES), 'nll function': (partial(F.nll_loss, weight=W, ignore_index=2), CLASSES),
    'probabilities': (nn.CrossEntropyLoss(W), PROBS), 'sum': (nn.CrossEntropyLoss(W, reduction='sum'), CLASSES),
    'sum function': (partial(F.mse_loss, reduction='sum'), REAL), 'mse': (nn.MSELoss(), REAL), 'l1': (F.l1_loss, REAL),
    'pos_weight': (nn.BCEWithLogitsLoss(pos_weight=W), PROBS), 'kl': (nn.KLDivLoss(reduction='batchmean'), PROBS),
    'margin': (nn.MultiMarginLoss(weight=W), CLASSES), 'own module': (Focal(), CLASSES), 'own sum': (Focal('sum'), CLASSES),
    'own function': (function, CLASSES), 'own partial': (partial(function, reduction='mean'), CLASSES),
    'a reduction that does nothing': (ignores_reduction, REAL), 'only the mean': (OnlyMean(), REAL),
    'only the mean, a function': (only_mean, REAL), 'flat': (Flat(), CLASSES), 'declared': (declared, CLASSES),
    'declared plain': (declared_plain, REAL),
    'plain': (lambda p,t: ((p-t)**2).mean(), REAL)}

def learner(loss, y, **kw):
    "Ten rows in batches of three; steps too small to change a weight"
    set_seed(3)
    x = torch.randn(10,4, dtype=torch.float64)
    return Learner(DataLoaders(DataLoader((x,y), 3), DataLoader((x,y), 3)), nn.Linear(4,3).double(), loss, SGD, 1e-300, **kw)

@pytest.mark.parametrize('name', LOSSES)
def test_the_loss_of_batches_is_that_of_the_whole_set(name):
    "In validation, as the mean of training, and as a metric"
    loss,y = LOSSES[name]
    learn = learner(loss, y, metrics=[loss, AvgMetric(loss)])
    x,_ = learn.dls.valid.dataset
    with torch.no_grad(): want = loss(learn.model(x), y)
    near(learn.validate(), want.expand(3), tol=1e-12)
    learn.fit(1, quiet=True)
    near(learn.recorder.values[0], want.expand(4), tol=1e-12)
    assert all(p.isfinite().all() for p in learn.model.parameters())  # even after a batch without any target that counts

@pytest.mark.parametrize('name', [k for k in LOSSES if 'does nothing' not in k])
def test_the_loss_of_an_example_is_its_part_of_the_whole(name):
    "With its weight, as `reduction='none'` gives it, and 0 if it is ignored; highest first"
    loss,y = LOSSES[name]
    learn = learner(loss, y)
    preds,targ = learn.get_preds()
    weighted = 'own module', 'own sum', 'own function', 'own partial', 'declared', 'flat'
    if name in weighted: want = F.cross_entropy(preds, y, reduction='none')*W[y]
    elif name in ('declared plain', 'plain') or 'only' in name: want = ((preds-y).abs() if 'declared' in name else (preds-y)**2).mean(1)
    elif isinstance(loss, nn.Module):
        before,loss.reduction = loss.reduction,'none'
        want,loss.reduction = loss(preds, y),before
    else: want = partial(loss, reduction='none')(preds, y)
    want = want.view(10, -1).sum(1) if loss_reduction(loss) in ('sum','batchmean') else want.view(10, -1).mean(1)
    near(learn.per_sample_loss(preds, targ), want, tol=1e-12)
    losses,rows = learn.top_losses(4, show=False)
    near(losses, want.topk(4).values, tol=1e-12)
    near(want[rows], losses, tol=1e-12)
    if isinstance(loss, nn.Module): assert loss.reduction in ('mean', 'sum', 'batchmean')  # as it was

def test_ignored_targets_have_no_loss():
    "Not even where more examples are asked for than there are others; and an error if there are no others"
    learn = learner(F.cross_entropy, IGNORED)
    _,rows = learn.top_losses(10, show=False)
    assert sorted(rows.tolist())==[0,4,5,7,8,9]
    with pytest.raises(ValueError, match='top_losses: got no rows'): learner(F.cross_entropy, IGNORED*0-100).top_losses(show=False)

@pytest.mark.parametrize('loss', [lambda p,t: F.cross_entropy(p, t, weight=W), lambda p,t: F.cross_entropy(p, t, weight=W).sqrt()])
def test_a_loss_whose_parts_are_unknown_is_refused(loss):
    "A class weight divides out in a batch of one, so the ranking would be another one"
    learn = learner(loss, CLASSES)
    with pytest.raises(ValueError, match='no plain mean over examples, wanted one with `reduction`.* or with an attribute `each`'):
        learn.top_losses(3, show=False)

# What is kept

class Alive(Callback):
    "How many predictions of earlier validation batches are still in memory, at most"
    def before_fit(self): self.refs,self.most = [],0
    def after_pred(self):
        if self.learn.training: return
        self.most = max(self.most, sum(o() is not None for o in self.refs))
        self.refs.append(weakref.ref(self.learn.pred))

class Fastai:
    "As fastai's metrics are"
    name = 'mae'
    def reset(self): self.total,self.n = 0.,0
    def accumulate(self, learn):
        self.total += (learn.pred-learn.yb).abs().mean().item()*len(learn.yb)
        self.n += len(learn.yb)
    @property
    def value(self): return self.total/self.n

class Torchmetrics:
    "As those of torchmetrics and torcheval are"
    def reset(self): self.seen = []
    def update(self, preds, targ): self.seen += (preds-targ).abs().flatten().tolist()
    def compute(self): return torch.tensor(self.seen).mean()
    def __call__(self, preds, targ): raise AssertionError('it accumulates')

def many_batches(**kw):
    learn = tiny(**kw)
    x,y = torch.randn(40,5),torch.randn(40,1)
    learn.dls = DataLoaders(learn.dls.train, DataLoader((x,y), 3))
    return learn,(x,y)

@pytest.mark.parametrize('metric', [None, F.l1_loss, nn.L1Loss(), partial(F.l1_loss), AvgMetric(lambda p,t: (p-t).abs().mean()), Fastai(),
                                    Torchmetrics()],
                         ids=lambda o: metric_name(o) if o else 'none')
def test_metrics_that_accumulate_keep_nothing(metric):
    "And give what they give for the whole set"
    learn,(x,y) = many_batches(metrics=metric or ())
    learn.fit(1, cbs=(alive := Alive()), quiet=True)
    assert alive.most<=1 and len(alive.refs)==14 and learn.evaluation.kept is None  # the one that is about to be replaced
    with torch.no_grad(): want = F.mse_loss(learn.model(x), y),(learn.model(x)-y).abs().mean()
    near(learn.recorder.values[0][1:], want[:2 if metric else 1], tol=1e-5)
    with pytest.raises(ValueError, match='wanted one: `get_preds'): learn.evaluation.preds

def test_who_asks_for_predictions_gets_them():
    "A metric that needs all of them, and `get_preds`, which measures no metrics"
    calls = []
    def median(preds, targ):
        calls.append(preds.shape)
        return preds.median()
    learn,(x,y) = many_batches(metrics=[median, accuracy_of_sign])
    learn.fit(1, quiet=True)
    assert calls==[(40,1)]
    preds,targ = learn.get_preds()
    assert calls==[(40,1)] and torch.equal(targ, y) and preds.device.type=='cpu'
    near(learn.recorder['median'], preds.median()[None])

def accuracy_of_sign(preds, targ): return ((preds>0)==(targ>0)).float().mean()

def test_accuracy_over_batches_is_exact():
    "A count over a count: equal counts give equal numbers, whatever the batches were"
    g = torch.Generator().manual_seed(0)
    logits,targ = torch.randn(101,3, generator=g),torch.randint(3, (101,), generator=g)
    want = (logits.argmax(1)==targ).sum().item()
    for bs in (1, 7, 101):
        learn = Learner(DataLoaders([(logits,targ)], DataLoader((logits,targ), bs)), nn.Identity(), F.cross_entropy, metrics=[accuracy,
                                                                                                                              error_rate])
        assert learn.validate()[1:]==[want/101, 1-want/101] or learn.validate()[1:]==[want/101, (101-want)/101]

def test_an_evaluation_within_an_evaluation_has_metrics_of_its_own():
    class Inner(Callback):
        busy = False
        def after_loss(self):
            if self.learn.training or self.busy: return
            self.busy = True
            self.learn.validate()
            self.busy = False
    plain,nested = [many_batches(metrics=[Fastai(), AvgMetric(F.l1_loss), Torchmetrics()], cbs=cbs)[0] for cbs in ((), Inner())]
    assert plain.validate()==nested.validate()

# Batches of unequal length

class Texts:
    def __len__(self): return 9
    def __getitem__(self, i): return torch.full((2+i,), i%5),torch.full((2+i,), i%5)

def pad(items):
    n = max(len(a) for a,_ in items)
    return tuple(torch.stack([F.pad(o, (0,n-len(o))) for o in part]) for part in zip(*items))

def texts(**kw):
    def loss(p, t): return F.cross_entropy(p.flatten(0,1), t.flatten())
    loss.each = lambda p,t: F.cross_entropy(p.transpose(1,2), t, reduction='none')
    set_seed(1)
    dls = DataLoaders(*(DataLoader(Texts(), 3, collate_fn=pad) for _ in 'tv'))
    return Learner(dls, nn.Sequential(nn.Embedding(5,8), nn.Linear(8,5)), loss, SGD, 0.1, **kw)

def test_batches_of_unequal_length():
    "Train, validate, measure and rank: nothing of it needs one tensor. The means are over all tokens"
    learn = texts(metrics=[accuracy, partial(accuracy, axis=-1), AvgMetric(lambda p,t: p.mean())])
    learn.fit(1, quiet=True)
    parts = [learn.get_preds([o]) for o in learn.dls.valid]
    logits,targ = torch.cat([o.flatten(0,1) for o,_ in parts]),torch.cat([o.flatten() for _,o in parts])
    near(learn.validate()[:3], [F.cross_entropy(logits, targ), *[accuracy(logits, targ)]*2])
    losses,rows = learn.top_losses(9, show=False)
    assert sorted(rows.tolist())==[*range(9)] and losses.diff().max()<=0

def test_where_one_tensor_is_needed_it_is_said():
    def median(preds, targ): return preds.median()
    for f in (texts().get_preds, texts(metrics=median).validate, lambda: texts(metrics=median).fit(1, quiet=True)):
        with pytest.raises(ValueError, match=r"shapes \(3, 4, 5\), \(3, 4\), \(3, 7, 5\).*can't be joined; wanted equal ones"): f()

@dataclass
class Output: logits: torch.Tensor

OTHER_FORMS = {'an object': lambda x: Output(x), 'UserDict': lambda x: UserDict(a=x), 'an array': lambda x: x.numpy(force=True),
               'lists of other lengths': lambda x: list(x),
               'other keys': lambda x: {'a': x, len(x): x}, 'a number': lambda x: x.mean().item()}

@pytest.mark.parametrize('form', OTHER_FORMS)
def test_predictions_that_cannot_be_joined_are_not_those_of_the_first_batch(form):
    "Batches of four rows and of two"
    class Other(nn.Linear):
        def forward(self, x): return OTHER_FORMS[form](super().forward(x))
    batches = [(torch.randn(n,3), torch.zeros(n)) for n in (4,2)]
    learn = Learner(DataLoaders(batches, batches), Other(3,2), lambda p,t: torch.tensor(1.))
    with pytest.raises(ValueError, match="Evaluation: got predictions and targets of types .*which can't be joined"): learn.get_preds()

def test_what_is_the_same_in_all_batches_is_joined():
    batches = [(torch.randn(n,3), torch.zeros(n)) for n in (4,2)]
    class Both(nn.Linear):
        def forward(self, x): return {'logits': super().forward(x), 'states': None}
    preds,_ = Learner(DataLoaders(batches, batches), Both(3,2), lambda p,t: p['logits'].mean()).get_preds()
    assert preds['logits'].shape==(6,2) and preds['states'] is None

# What is no number

BAD_LOSSES = {'none': nn.MSELoss(reduction='none'), 'rows': lambda p,t: (p-t).mean(1), 'pair': lambda p,t: (F.mse_loss(p, t), 0),
              'list': lambda p,t: [F.mse_loss(p, t)], 'dict': lambda p,t: {'loss': F.mse_loss(p, t)}, 'nothing': lambda p,t: None,
              'float': lambda p,t: F.mse_loss(p, t).item(), 'NumPy': lambda p,t: F.mse_loss(p, t).detach().numpy(),
              'whole': lambda p,t: (p>t).sum(), 'complex': lambda p,t: F.mse_loss(p, t)+0j}

@pytest.mark.parametrize('name', BAD_LOSSES)
def test_a_loss_that_is_no_number(name):
    for f in (lambda o: o.fit(1, quiet=True), lambda o: o.validate()):
        learn = tiny()
        learn.loss_func = BAD_LOSSES[name]
        with pytest.raises((TypeError, ValueError), match='Learner: got a loss .*, wanted'): f(learn)

@pytest.mark.parametrize('loss', [lambda p,t: F.mse_loss(p.detach(), t), lambda p,t: torch.tensor(1.), lambda p,t: F.mse_loss(t, t)])
def test_a_loss_without_a_gradient(loss):
    "Is told in training, and fine in evaluation; so is a model all of whose parameters are frozen"
    learn,frozen = tiny(),tiny()
    learn.loss_func = loss
    frozen.model.requires_grad_(False)
    for o in (learn, frozen):
        o.validate()
        with pytest.raises(ValueError, match='got a loss without a gradient, wanted one that is computed from'): o.fit(1, quiet=True)

BAD_METRICS = {'two': lambda p,t: torch.ones(2), 'rows': lambda p,t: p, 'array': lambda p,t: np.ones(3), 'nothing': lambda p,t: None,
               'dict': lambda p,t: {'a': 1.}, 'words': lambda p,t: '0.5', 'pair': lambda p,t: (1., 2.), 'complex': lambda p,t: 1j}

@pytest.mark.parametrize('name', BAD_METRICS)
@pytest.mark.parametrize('wrap', [lambda f: f, partial], ids=['function', 'partial'])
def test_a_metric_that_is_no_number(name, wrap):
    with pytest.raises(TypeError, match='<lambda>: got a value of .*, wanted a number'):
        tiny(metrics=wrap(BAD_METRICS[name])).fit(1, quiet=True)

@pytest.mark.parametrize('good', [1, True, 0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), torch.ones(1,1), torch.tensor(2)])
def test_numbers_of_any_kind(good):
    assert tiny(metrics=lambda p,t: good).validate()[1]==float(good)

@pytest.mark.parametrize('bad', ['accuracy', 0.5, AvgMetric, nn.MSELoss, {}])
def test_what_is_no_metric(bad):
    "Given at first, or set later"
    later = tiny()
    later.metrics = bad
    for f in (lambda: tiny(metrics=[bad]), later.validate, lambda: later.fit(1, quiet=True)):
        with pytest.raises(TypeError, match='Learner: got .* as metric, wanted a function of predictions and targets'): f()

def test_a_metric_may_be_set_later():
    learn = tiny()
    learn.metrics = F.mse_loss
    loss,metric = learn.validate()
    assert loss==pytest.approx(metric)

# 16 bits

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('pure', [False, True], ids=['mixed', 'pure'])
def test_losses_and_metrics_get_float32(dtype, pure):
    "With mixed precision, and with a model that has 16-bit weights; targets too"
    seen = set()
    def loss(p, t):
        seen.add(('loss', p.dtype, t.dtype, (p.T@p).dtype))  # autocast would make a product of 16 bits
        return F.binary_cross_entropy(p.sigmoid(), t.sigmoid())
    def metric(p, t):
        seen.add(('metric', p.dtype, t.dtype))
        return float(p.numpy().mean()+t.numpy().mean())
    learn = tiny(metrics=[metric, AvgMetric(metric)])
    learn.loss_func = loss
    if pure:
        learn.model.to(dtype)
        learn.dls = DataLoaders(*(DataLoader(tuple(t.to(dtype) for t in o.dataset), 4) for o in (learn.dls.train, learn.dls.valid)))
    learn.fit(1, cbs=[] if pure else MixedPrecision(dtype, force=True), quiet=True)
    f = torch.float32
    assert seen=={('loss', f, f, f), ('metric', f, f)}
    assert any(float(torch.tensor(o).to(dtype))!=o for o in learn.recorder.losses)
    assert {o.dtype for o in learn.get_preds()}=={f}

def test_float64_stays(): assert {o.dtype for o in tiny(torch.float64).get_preds()}=={torch.float64}
