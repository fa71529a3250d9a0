"Chapter 8: the pieces of the lesson equal PyTorch's and the library's, and the stored runs are those of its program."
import os, sys
from pathlib import Path
from statistics import mean
import pytest, torch, torch.nn.functional as F
from torch import nn
from fastfound.augment import affine
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.files import read_runs
from fastfound.learner import Learner
from fastfound.optimizers import SGD
from fastfound.overfitting import Distort, Dropout, conv_net, dense_net, distort, dropout, smooth_labels, smoothed_loss
from fastfound.resnet import smoothed_cross_entropy

sys.path.insert(0, str(Path(__file__).parents[1]/'bench'))
import overfitting

needs_full = pytest.mark.skipif(not os.environ.get('FASTFOUND_DATA'), reason='FASTFOUND_DATA names no folder with all of MNIST')
RUNS = read_runs('overfitting')

def rows(table, source='full'):
    found = {}
    for o in RUNS:
        if (o['table'],o['source'])==(table,source): found.setdefault(o['row'], []).append(o)
    return found

@pytest.mark.parametrize('p', [0., 0.25, 0.5, 0.9])
def test_dropout_is_distributed_as_pytorchs(p):
    "Zeros as often, the others as large, so the same mean and variance"
    set_seed(0)
    x = torch.ones(200_000)
    ours,theirs = dropout(x, p),F.dropout(x, p)
    near(ours.unique(), theirs.unique())
    assert abs((ours==0).float().mean()-p)<0.005
    near(ours.mean(), x.mean(), tol=0.02)
    assert abs(ours.var()-theirs.var())<0.02*max(1, p/(1-p))

def test_gradients_go_where_activations_went():
    x = torch.rand(100) + 1
    x.requires_grad_()
    y = dropout(x, 0.5)
    y.sum().backward()
    near(x.grad, (y.detach()!=0)*2.)

def test_dropout_does_nothing_in_evaluation_mode():
    x,layer = torch.rand(50),Dropout(0.5)
    assert torch.equal(layer.eval()(x), x) and (layer.train()(x)==0).any()

@pytest.mark.parametrize('eps', [0., 0.1, 0.3, 1.])
def test_smoothed_labels_are_pytorchs(eps):
    preds,y = torch.randn(20,7, dtype=torch.float64),torch.randint(7, (20,))
    near(smoothed_loss(preds, y, eps), F.cross_entropy(preds, y, label_smoothing=eps), tol=1e-6)
    near(smooth_labels(y, eps, 7).sum(1), torch.ones(20))

def test_smoothed_labels_are_those_of_chapter_7():
    preds,y = torch.randn(20,10, dtype=torch.float64),torch.randint(10, (20,))
    near(smoothed_loss(preds, y), smoothed_cross_entropy(preds, y), tol=1e-6)

def test_distort_by_nothing_is_the_image():
    x = torch.rand(5,784)
    near(distort(x, 0.), x, tol=1e-4)

def test_distort_moves_as_the_library_does(monkeypatch):
    "A map that only moves, against `affine` of page 8a"
    x = torch.rand(3,784)
    moves = torch.full((3,2,3), 0.5)
    moves[:,:,2] = torch.tensor([[1.,0.5],[0.,1.],[0.75,0.25]])
    monkeypatch.setattr(torch, 'rand', lambda *_: moves)
    right,down = -0.2*14*(2*moves[:,:,2]-1).T
    near(distort(x, 0.2), affine(x, right=right, down=down, pad='zeros'), tol=1e-4)

def test_each_image_is_distorted_in_its_own_way():
    set_seed(0)
    x = torch.rand(784).expand(4,784)
    assert len({tuple(o.tolist()) for o in distort(x)})==4

def test_only_training_images_are_distorted():
    x,y = torch.rand(20,784),torch.arange(20)%10
    seen = {True: [], False: []}
    class Watch(nn.Linear):
        def forward(self, xb):
            seen[self.training].append(torch.equal(xb, x))
            return super().forward(xb)
    dls = DataLoaders(DataLoader((x, y), 20), DataLoader((x, y), 20))
    Learner(dls, Watch(784,10), F.cross_entropy, SGD, 0.1, cbs=Distort()).fit(2, quiet=True)
    assert seen=={True: [False]*2, False: [True]*2}

def test_networks():
    x = torch.rand(2,784)
    for make in (dense_net, conv_net):
        assert make()(x).shape==(2,10) and [o.p for o in make(p=0.3).modules() if isinstance(o, Dropout)]==[0.3]
        assert not any(isinstance(o, Dropout) for o in make().modules())
    assert [sum(p.numel() for p in o.parameters()) for o in (nn.Linear(784,10), conv_net(), dense_net())]==[7850, 9098, 79_510]

# The stored runs

TABLES = [('remedies','full'), ('remedies','sample'), ('together','full'), ('more','full'), ('more','sample')]

@pytest.mark.parametrize('table,source', TABLES)
def test_five_seeds_of_each_row(table, source):
    "Of every row that the program plans, and the same seeds everywhere, since pages compare seed by seed"
    planned = {'remedies': overfitting.remedies, 'together': overfitting.together, 'more': lambda: overfitting.more(source)}[table]()
    assert rows(table, source).keys()==planned.keys()
    for o in rows(table, source).values(): assert [r['seed'] for r in o]==list(range(5))

def test_settings_were_chosen_as_it_says():
    "The best accuracy, and of those within 0.2 % of it the lowest loss"
    chosen = {'dropout': overfitting.P, 'weight decay': overfitting.WD, 'label smoothing': overfitting.EPS,
              'augmentation': overfitting.MOST}
    for kind,value in chosen.items():
        tried = {k: v for k,v in rows('settings').items() if k.startswith(kind)}
        means = {k: [mean(o[key] for o in v) for key in ('accuracy','valid_loss')] for k,v in tried.items()}
        best = max(acc for acc,_ in means.values())
        assert min((loss,k) for k,(acc,loss) in means.items() if acc>best-0.002)[1]==f'{kind} {value}'

def again(source, row):
    "The stored run of seed 0, and the same run once more"
    return rows('remedies', source)[row][0],overfitting.train(source, 0, **overfitting.remedies()[row])

@pytest.mark.long
@pytest.mark.parametrize('row', ['nothing', '10 hidden units', 'weight decay', 'dropout'])
def test_a_run_once_more_on_the_sample(row):
    stored,new = again('sample', row)
    assert abs(stored['accuracy']-new['accuracy'])<0.03 and abs(stored['valid_loss']-new['valid_loss'])<0.1*stored['valid_loss']

@pytest.mark.long
@needs_full
@pytest.mark.parametrize('row', ['nothing', 'early stopping', 'augmentation', 'convolutions'])
def test_a_run_once_more_on_all_of_mnist(row):
    stored,new = again('full', row)
    assert abs(stored['accuracy']-new['accuracy'])<0.01 and abs(stored['valid_loss']-new['valid_loss'])<0.1*stored['valid_loss']
