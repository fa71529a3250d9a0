"Predictions, confusion matrix, top losses."
import math
from functools import partial
import pytest, torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import nn
from torch.utils.data import DataLoader as TorchLoader, TensorDataset
from fastfound.backprop import Model
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import get_mnist, mnist_arrays
from fastfound.basics import set_seed, test_near as near
from fastfound.fully_connected import kaiming
from fastfound.interpret import Prediction, confusion_matrix, most_confused, probabilities, to_np
from fastfound.learner import Learner
from fastfound.metrics import accuracy
from fastfound.mnist_sgd import mnist_loss
from fastfound.optimizers import SGD
from learners import three_classes, tiny

@pytest.fixture(autouse=True)
def close(): 
    yield
    plt.close('all')

def digits(valid=None):
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    set_seed(42)
    return Learner(DataLoaders(DataLoader((x,y), 64, shuffle=True), valid or DataLoader((xv,yv), 100)), nn.Linear(784,10), F.cross_entropy,
                   SGD, lr=0.1, metrics=accuracy)

def test_confusion_matrix_of_any_integers():
    "uint8 class numbers, whose products would overflow, give the same counts"
    g = torch.Generator().manual_seed(0)
    preds,targ = torch.randint(40, (500,), generator=g),torch.randint(40, (500,), generator=g)
    want = torch.zeros(40,40, dtype=torch.int64)
    for p,t in zip(preds.tolist(), targ.tolist()): want[t,p] += 1
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64, torch.float32):
        assert torch.equal(confusion_matrix(preds.to(dtype), targ.to(dtype), 40), want)

@pytest.mark.parametrize('preds, targ, c, message', [
    ([0,3], [0,1], 3, r'got class numbers \[3\], wanted 0 to 2'), ([0,-1], [0,1], None, r'got class numbers \[-1\], wanted 0 to 1'),
    ([0,1], [0,1,1], None, r'got targets of shape \(3,\), wanted \(n,\) with n=2')])
def test_confusion_matrix_refuses(preds, targ, c, message):
    with pytest.raises(ValueError, match=message): confusion_matrix(torch.tensor(preds), torch.tensor(targ), c)

def test_confusion_of_nothing():
    assert confusion_matrix(torch.tensor([], dtype=torch.int64), torch.tensor([], dtype=torch.int64), 3).sum()==0
    assert most_confused(torch.tensor([0,1]), torch.tensor([0,1]))==[]

def test_predict_returns_one_kind_of_thing():
    "With and without a vocab, one logit or several, tensor or array"
    one = tiny()
    for learn,item in ((one, torch.zeros(5)), (three_classes(), torch.zeros(20)), (digits(), torch.zeros(784).numpy())):
        got = learn.predict(item)
        assert isinstance(got, Prediction) and isinstance(got.label, str) and type(got.index) is int
        assert got.probs.ndim==1 and got.probs.sum().item()==pytest.approx(1)
    one.dls.vocab = ['no','yes']
    assert one.predict(torch.zeros(5)).label in ('no','yes')

def test_predictions_do_not_depend_on_the_batch():
    learn = three_classes()
    learn.fit(1, quiet=True)
    x,_ = learn.dls.valid.dataset
    preds,_ = learn.get_preds()
    near(torch.stack([learn.predict(o).probs for o in x]), preds.softmax(1), tol=1e-5)

@pytest.mark.parametrize('shuffled', ['ours', 'theirs', 'sampler'])
def test_top_losses_with_any_loader(shuffled):
    "Losses and images belong together, whatever order the rows come in"
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    valid = {'ours': lambda: DataLoader((xv,yv), 64, shuffle=True), 'theirs': lambda: TorchLoader(TensorDataset(xv,yv), 64, shuffle=True),
             'sampler': lambda: TorchLoader(TensorDataset(xv,yv), 64,
                                            sampler=torch.utils.data.RandomSampler(TensorDataset(xv,yv)))}[shuffled]()
    learn = digits(valid)
    learn.fit(1, quiet=True)
    shown = []
    learn.show_predictions = lambda x,preds,targ,*args,**kw: shown.append((x,preds,targ))
    losses,rows = learn.top_losses(7)
    with torch.no_grad(): every = F.cross_entropy(learn.model(xv), yv, reduction='none')
    near(losses, every.topk(7).values, tol=1e-5)
    (images,preds,targ), = shown
    with torch.no_grad(): near(F.cross_entropy(learn.model(images), targ, reduction='none'), losses, tol=1e-5)

def test_top_losses_of_a_loss_that_looks_at_values():
    learn = digits()
    plain = learn.top_losses(5, show=False)
    learn.loss_func = lambda p,t: F.cross_entropy(p, t) if p.max().item()<1e9 else None
    got = learn.top_losses(5, show=False)
    near(got[0], plain[0], tol=1e-5)
    assert torch.equal(got[1], plain[1])

def test_more_examples_wanted_than_there_are():
    assert len(tiny().top_losses(10, show=False)[0])==4

def test_two_classes_with_one_logit_are_shown():
    learn = tiny()
    learn.dls.valid = DataLoader((torch.rand(6,25), torch.tensor([0.,1,0,1,1,0])[:,None]), 4)
    learn.model = nn.Linear(25,1)
    learn.loss_func = mnist_loss
    learn.show_results(4, 1)
    learn.plot_confusion()
    learn.top_losses(4, 1)

def test_summary_of_a_model_that_is_no_module():
    x,y,xv,yv = mnist_arrays(get_mnist('sample'))
    by_hand = Learner(DataLoaders.from_dsets((x,y), (xv,yv)), Model(kaiming(784,5), torch.zeros(5), kaiming(5,10), torch.zeros(10)),
                      F.cross_entropy)
    with pytest.raises(TypeError, match='got a Model, wanted a module'): by_hand.summary()

# Bad calls name the argument, what came and what was wanted

NO_TENSORS = [[1.,2.], 3, 1.5, 'x', None, (0,), {0: 1}]

@pytest.mark.parametrize('bad', NO_TENSORS, ids=repr)
def test_what_is_no_tensor(bad):
    got,good,learn = f'of type {type(bad).__name__}, wanted (a )?tensor',torch.tensor([0,1]),three_classes()
    logits,images = torch.zeros(2,3),torch.zeros(2,4)
    for f,says in ((lambda: probabilities(bad), 'probabilities: got logits'),
                   (lambda: confusion_matrix(bad, good), 'confusion_matrix: got predictions'),
                   (lambda: confusion_matrix(good, bad), 'confusion_matrix: got targets'),
                   (lambda: most_confused(bad, good), 'got predictions'), (lambda: most_confused(good, bad), 'got targets'),
                   (lambda: learn.per_sample_loss(bad, good), 'per_sample_loss: got predictions'),
                   (lambda: learn.per_sample_loss(logits, bad), 'per_sample_loss: got targets'),
                   (lambda: learn.show_predictions(images, logits, bad), 'show_predictions: got targets'),
                   (lambda: learn.show_predictions(images, bad, good), 'predicted_class: got logits'),
                   (lambda: learn.show_predictions(bad, logits, good), 'as_images: got inputs')):
        with pytest.raises(TypeError, match=f'{says} {got}'): f()

@pytest.mark.parametrize('bad', [0, -1, 1.5, '3', None, True, [1]])
def test_numbers_of_examples(bad):
    for who,f in (('top_losses', three_classes().top_losses), ('show_results', three_classes().show_results),
                  ('most_confused', lambda n: most_confused(torch.tensor([0]), torch.tensor([1]), n))):
        with pytest.raises(ValueError, match=f'{who}: got n=.*, wanted a whole number from 1'): f(bad)

@pytest.mark.parametrize('bad', [[0.,1.5], [math.nan,1.], [math.inf,0.]])
def test_classes_are_whole_numbers(bad):
    good = torch.tensor([0,1])
    for args,what in (((torch.tensor(bad), good), 'predictions'), ((good, torch.tensor(bad)), 'targets')):
        with pytest.raises(ValueError, match=f'got {what} that are no whole numbers, wanted class numbers'): confusion_matrix(*args)

@pytest.mark.parametrize('c', [0, -1, 2.5, 'ten', True])
def test_numbers_of_classes(c):
    with pytest.raises(ValueError, match='got c=.*, wanted a number of classes'): confusion_matrix(torch.tensor([0]), torch.tensor([0]), c)

@pytest.mark.parametrize('method', ['top_losses', 'show_results', 'get_preds', 'plot_confusion', 'validate'])
def test_without_a_validation_set(method):
    learn = three_classes()
    learn.dls.valid = None
    with pytest.raises(ValueError, match='got no validation set, wanted one'): getattr(learn, method)()

def test_as_many_targets_as_predictions():
    with pytest.raises(ValueError, match='got 3 predictions and 2 targets, wanted one for each'):
        three_classes().per_sample_loss(torch.zeros(3,3), torch.tensor([0,1]))

def test_logits_that_are_nan_have_the_highest_loss():
    "And are no prediction"
    learn = three_classes()
    x,y = learn.dls.valid.dataset
    x[3] = math.nan
    losses,rows = learn.top_losses(2, show=False)
    assert rows[0]==3 and losses[0]==math.inf and losses[1].isfinite()
    with pytest.raises(ValueError, match='got logits that are nan'): learn.predict(x[3])
    with pytest.raises(ValueError, match='got logits that are nan'): learn.plot_confusion()

def test_probabilities():
    assert probabilities(torch.zeros(3)).shape==(3,2)
    near(probabilities(torch.randn(4,3)).sum(-1), torch.ones(4))

def test_to_np():
    assert to_np({'a': (torch.tensor(1.5),)})['a'][0].item()==1.5
    pair = to_np(Prediction('a', 0, torch.ones(2)))
    assert isinstance(pair, Prediction) and pair.probs.tolist()==[1,1]

def test_names_of_classes_are_no_mathematics():
    "A `$`, a backslash or a brace in a name is drawn as it is, on the axes of the confusion matrix"
    names = ['$x', r'a$\frac$', '{$^}']
    learn = three_classes()
    learn.dls.vocab = names
    learn.plot_confusion()
    ax = plt.gcf().axes[0]
    plt.gcf().canvas.draw()
    assert [o.get_text() for o in ax.get_xticklabels()]==[o.get_text() for o in ax.get_yticklabels()]==names
    plt.close('all')

@pytest.mark.parametrize('form', [lambda x: {'a': x}, lambda x: (x, x), lambda x: [x]], ids=['dict', 'tuple', 'list'])
def test_a_prediction_that_is_no_tensor(form):
    learn = three_classes()
    class Other(nn.Linear):
        def forward(self, x): return form(super().forward(x))
    learn.model = Other(20,3)
    with pytest.raises(TypeError, match='got logits of type (dict|tuple|list), wanted a tensor'): learn.predict(torch.zeros(20))

@pytest.mark.parametrize('shape', [(2,20), (1,1,20), (2,3,20)])
def test_a_prediction_for_more_than_one_example(shape):
    learn = three_classes()
    learn.model = nn.Linear(20,3)
    with pytest.raises(ValueError, match=r'predict: got predictions of shape .*, wanted logits \(1,c\) of one example'):
        learn.predict(torch.zeros(shape))

SUMMED = [(nn.KLDivLoss(reduction='batchmean'), lambda p: p.log_softmax(1), 1), (nn.MSELoss(reduction='sum'), lambda p: p, 6),
          (nn.BCEWithLogitsLoss(reduction='sum'), lambda p: p, 6), (partial(F.huber_loss, reduction='sum'), lambda p: p, 6),
          (nn.MSELoss(), lambda p: p, 1)]

@pytest.mark.parametrize('loss, form, n', SUMMED)
def test_losses_of_examples_whose_parts_are_summed(loss, form, n):
    "`n` times their mean is the loss, as it is where the parts of an example are averaged"
    set_seed(1)
    learn = three_classes()
    learn.loss_func,preds,targ = loss,form(torch.randn(6,4)),torch.rand(6,4).softmax(1)
    near(n*learn.per_sample_loss(preds, targ).mean(), loss(preds, targ))
