"""How well and how fast convolutional networks learn to read digits: the tables of chapter 7.

    python bench/resnet.py design  [--seeds 5]  [--only TEXT]   each step from a plain network to `small_resnet`
    python bench/resnet.py figures [--seeds 20] [--only TEXT]   the results on the test digits
    python bench/resnet.py trials  [--seeds 1]  [--only TEXT]   the recipes that were tried for the best network
    python bench/resnet.py profile              [--only TEXT]   where the CPU seconds of an epoch go, with and without augmentation

Design and trials are evaluated on 10,000 held-out training digits, so that no choice depends on the test digits.

One thread. Runs are added to fastfound/data/resnet.jsonl, a line each; one that is there already is not repeated.
`FASTFOUND_DATA` names a folder with all of MNIST.
"""
import argparse, time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
import torch, torch.nn.functional as F
from torch import nn
import fastfound.schedules
from fastfound.augment import Augment, RandomShift
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import URLs, get_mnist, untar_data
from fastfound.basics import set_seed
from fastfound.mixed_precision import MixedPrecision
from fastfound.fully_connected import normalize
from fastfound.images import ImageDataLoaders
from fastfound.learner import Callback, Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import SGD, AdamW, MuonSGD
from fastfound.resnet import Skip, resnet18, small_resnet
from fastfound.vision import vision_learner
import runs
from timing import stopwatch

FILE = runs.FOLDER/'resnet.jsonl'
OPTIMIZERS = {'SGD': partial(SGD, momentum=0.9), 'AdamW': partial(AdamW, wd=0.01), 'Muon': MuonSGD}

@dataclass(frozen=True)
class Recipe:
    "A network and how to train it"
    norm: bool = False          # batch normalisation
    shrink: str = 'stride'      # how a stage halves the image: 'stride', 'max' or 'average' pooling
    second: str = 'none'        # a second convolution in the last two stages: 'none', 'plain' or 'skip'
    widths: tuple = (16,32,64)
    head: str = 'flatten'       # or global pooling: 'max', 'average'
    zero_gamma: bool = False    # residuals start at 0
    smoothing: float = 0.       # of the labels
    cycle: bool = False         # one cycle instead of a constant learning rate
    channels_last: bool = False
    bfloat16: bool = False
    opt: str = 'SGD'
    lr: float = 0.05
    sgd_lr: float = None        # of the parameters that Muon leaves to SGD
    bs: int = 128
    epochs: int = 1
    shift: int = 0              # augmentation: whole pixels
    affine: float = 0.          # augmentation: up to 10 degrees, a tenth larger, sheared and moved by 2 pixels, times this
    tta: int = 0                # test-time augmentation: how many changed versions of each digit, by a quarter of this

def network(r, c):
    "The network of the recipe `r`, for `c` classes"
    def conv(n_in, n_out, stride=1): return nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=not r.norm)
    def norm(n): return [nn.BatchNorm2d(n)] if r.norm else []
    def stage(n_in, n_out, second):
        half = {'stride': [], 'max': [nn.MaxPool2d(2)], 'average': [nn.AvgPool2d(2)]}[r.shrink]
        more = [conv(n_out, n_out), *norm(n_out)]
        return [conv(n_in, n_out, 2 if r.shrink=='stride' else 1), *half, *norm(n_out), nn.ReLU(),
                *{'none': [], 'plain': [*more, nn.ReLU()], 'skip': [Skip(*more)]}[second]]
    a,b,d = r.widths
    body = [*stage(1, a, 'none'), *stage(a, b, r.second), *stage(b, d, r.second)]
    side = nn.Sequential(*body)(torch.zeros(2,1,28,28)).shape[-1] if r.head=='flatten' else 1
    head = {'flatten': [], 'max': [nn.AdaptiveMaxPool2d(1)], 'average': [nn.AdaptiveAvgPool2d(1)]}[r.head]
    model = nn.Sequential(*body, *head, nn.Flatten(), nn.Linear(d*side*side, c))
    for o in model.modules():
        if isinstance(o, nn.BatchNorm2d): o.reset_running_stats()
        if isinstance(o, Skip) and r.zero_gamma: nn.init.zeros_(o.layers[-1].weight)
    return model.to(memory_format=torch.channels_last) if r.channels_last else model

@lru_cache(None)
def digits(task):
    "Images and labels to train on and to evaluate on: 'held out', 'test' or '3 or 7'"
    d = get_mnist('full')
    x,y,xt,yt = d.x_train,d.y_train,d.x_test,d.y_test
    if task=='held out': x,y,xt,yt = x[:50_000],y[:50_000],x[50_000:],y[50_000:]
    if task=='3 or 7': (x,y),(xt,yt) = [(a[(b==3)|(b==7)], (b[(b==3)|(b==7)]==7).long()) for a,b in ((x,y),(xt,yt))]
    mean,std = x.float().mean(),x.float().std()
    return (normalize(x.float(), mean, std)[:,None], y), (normalize(xt.float(), mean, std)[:,None], yt)

def augment(amount): return Augment(10*amount, 0.1*amount, 0.1*amount, 2/28*amount, pad='border')

def learner(r, data, seed):
    "A Learner for the recipe `r`"
    (x,y),valid = data
    set_seed(seed)
    model = network(r, int(y.max())+1)
    cbs = [MixedPrecision()]*r.bfloat16
    if r.shift: cbs.append(RandomShift(r.shift, x.min().item()))
    if r.affine: cbs.append(augment(r.affine))
    opt_func = partial(OPTIMIZERS[r.opt], **({'sgd_lr': r.sgd_lr} if r.sgd_lr else {}))
    dls = DataLoaders(DataLoader((x, y), r.bs, shuffle=True), DataLoader(valid, 1000))
    return Learner(dls, model, partial(F.cross_entropy, label_smoothing=r.smoothing), opt_func, r.lr, accuracy, cbs)

def train(r, data, seed):
    "Accuracy, CPU seconds and seconds of a run, with the evaluation after each epoch in them, and the number of parameters"
    learn = learner(r, data, seed)
    elapsed = stopwatch()
    if r.cycle: learn.fit_one_cycle(r.epochs, pct_start=0.1, quiet=True)
    else: learn.fit(r.epochs, quiet=True)
    return measured(learn, elapsed, accuracy(*learn.tta(n=r.tta, augment=augment(r.affine/4))) if r.tta else None)

def measured(learn, elapsed, averaged=None):
    "The results of a run whose stopwatch is `elapsed`; `averaged` is its accuracy with test-time augmentation"
    last = round(float(learn.recorder['accuracy'][-1]), 5)
    accuracies = {'accuracy': last} if averaged is None else {'accuracy': round(float(averaged), 5), 'without averaging': last}
    return {**accuracies, **elapsed(), 'parameters': sum(p.numel() for p in learn.model.parameters())}

def book_learner(seed):
    "What chapter 4 of the fastai book ends with: resnet18 on the pictures of 3s and 7s, one epoch at a rate of 0.1"
    dls = ImageDataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE, 'full'))
    set_seed(seed)
    learn = vision_learner(dls, resnet18, pretrained=False, loss_func=F.cross_entropy, metrics=accuracy)
    elapsed = stopwatch()
    learn.fit_one_cycle(1, 0.1, quiet=True)
    return measured(learn, elapsed)

FINAL = Recipe(norm=True, shrink='max', second='skip', head='max', smoothing=0.1, cycle=True, channels_last=True, bfloat16=True,
               opt='Muon', lr=0.05, sgd_lr=0.03)

def steps():
    "The rows of the design table: what is changed, the recipe, whether the change is kept"
    r,rows = Recipe(),[('three convolutions of stride 2, a linear layer, SGD', Recipe(), True)]
    for what,kept,change in (
        ('batch normalisation', True, dict(norm=True)),
        ('max pooling instead of stride 2', True, dict(shrink='max')),
        ('average pooling instead of max pooling', False, dict(shrink='average')),
        ('two more convolutions', False, dict(second='plain')),
        ('two more convolutions, each with a skip connection', True, dict(second='skip')),
        ('residuals that start at 0', False, dict(zero_gamma=True)),
        ('twice the channels', False, dict(widths=(32,64,128))),
        ('global max pooling before the linear layer', True, dict(head='max')),
        ('global average pooling instead', False, dict(head='average')),
        ('label smoothing by 0.1', True, dict(smoothing=0.1)),
        ('one cycle up to a rate of 0.2', True, dict(cycle=True, lr=0.2)),
        ('digits moved by up to a pixel at random', False, dict(shift=1)),
        ('channels last', True, dict(channels_last=True)),
        ('bfloat16', True, dict(bfloat16=True)),
        ('AdamW instead of SGD', False, dict(opt='AdamW', lr=0.02)),
        ('Muon instead of SGD', True, dict(opt='Muon', lr=0.05, sgd_lr=0.03)),
        ('batches of 64', False, dict(bs=64)),
        ('global average pooling, with Muon', False, dict(head='average')),
        ('residuals that start at 0, with Muon', False, dict(zero_gamma=True)),
        ('half the channels', False, dict(widths=(8,16,32))),
    ):
        new = replace(r, **change)
        rows.append((what, new, kept))
        if kept: r = new
    assert r==FINAL and str(network(r, 10))==str(small_resnet())
    return rows

BEST = replace(FINAL, widths=(48,96,192), epochs=16, affine=1.25, bs=256, lr=0.07, sgd_lr=0.045, tta=8)

def trials():
    "The recipes that were tried for the best network: what, the recipe, whether it is kept"
    return [('twice the channels, 25 epochs', replace(FINAL, widths=(32,64,128), epochs=25, affine=1., tta=8), False),
            ('three times the channels, 16 epochs, batches of 256, augmented a little more', BEST, True)]

def figures():
    "The rows of the table of results: what, the digits, the recipe"
    return [
        ('3 or 7, one epoch', '3 or 7', replace(FINAL, bs=64)),
        ('ten digits, one epoch', 'test', FINAL),
        ('ten digits, one epoch, half the channels', 'test', replace(FINAL, widths=(8,16,32))),
        ('ten digits, two epochs, moved by up to a pixel', 'test', replace(FINAL, epochs=2, shift=1)),
        ('ten digits, ten epochs, twice the channels, rotated, scaled, sheared and shifted', 'test',
         replace(FINAL, widths=(32,64,128), epochs=10, affine=1.)),
        ('ten digits, sixteen epochs, three times the channels, augmented, averaged over nine versions', 'test', BEST),
        ('resnet18 on pictures of 3 or 7, one epoch', 'pictures', None),
    ]

class Profile(Callback):
    "CPU seconds of the parts of all training batches"
    order,run_valid = -20,False
    def before_train(self): self.seconds,self.last = {},time.process_time()
    def lap(self, part):
        now = time.process_time()
        self.seconds[part] = self.seconds.get(part, 0) + now-self.last
        self.last = now
    def before_batch(self):   self.lap('loading')
    def before_pred(self):    self.lap('augmentation')
    def after_pred(self):     self.lap('forward pass')
    def after_loss(self):     self.lap('loss')
    def after_backward(self): self.lap('backward pass')
    def after_step(self):     self.lap('optimizer step')

def profiles():
    "The rows of the table of profiles: what, the digits, the recipe"
    return [('no augmentation', 'test', FINAL), ('moved by up to a pixel', 'test', replace(FINAL, shift=1)),
            ('rotated, scaled, sheared and shifted', 'test', replace(FINAL, affine=1.)),
            ('the same, twice the channels', 'test', replace(FINAL, affine=1., widths=(32,64,128)))]

def profile(r, data):
    "CPU seconds of the parts of an epoch"
    learn,prof = learner(r, data, 0),Profile()
    learn.fit(1, quiet=True, cbs=prof)
    return {k: round(v, 2) for k,v in prof.seconds.items()}

def in_order(results):
    "Runs by table and row, so that pages show the rows of a table in the order in which they were planned; those of others come last"
    tables = {'design': steps(), 'figures': figures(), 'trials': trials(), 'profile': profiles()}
    rows = [(table, row[0]) for table,made in tables.items() for row in made]
    def place(o): return rows.index(key) if (key := (o['table'],o['row'])) in rows else len(rows)
    return sorted(results, key=place)

def is_there(table, row, seed): return any((o['table'],o['row'],o['seed'])==(table,row,seed) for o in runs.load(FILE))

def add(table, row, seed, result):
    "Put a run into the file, in place of an older one"
    new = {'table': table, 'row': row, 'seed': seed, **result, 'machine': runs.machine()}
    print({k: v for k,v in new.items() if k!='recipe'}, flush=True)
    others = [o for o in runs.load(FILE) if (o['table'],o['row'],o['seed'])!=(table,row,seed)]  # another process may have added some
    runs.save(FILE, in_order([*others, new]))

def run(table, row, kept, data, r, seed):
    "Make a run with the digits that `data()` returns, unless it is in the file, and add it"
    if is_there(table, row, seed): return
    recipe = {k: v for k,v in asdict(r).items() if v!=getattr(Recipe(), k)} if r else {}
    add(table, row, seed, {'kept': kept, **(train(r, data(), seed) if r else book_learner(seed)), 'recipe': recipe})

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('table', choices=('design', 'figures', 'trials', 'profile'))
    parser.add_argument('--seeds', type=int, help='number of runs of each row')
    parser.add_argument('--only', default='', help='only rows that begin with this text')
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.table=='profile':
        for what,task,r in profiles():
            if what.startswith(args.only): add('profile', what, 0, {'parts': profile(r, digits(task))})
        return
    if args.table=='figures': rows = [(*o, True) for o in figures()]
    else: rows = [(what, 'held out', r, kept) for what,r,kept in (steps() if args.table=='design' else trials())]
    for seed in range(args.seeds or {'design': 5, 'figures': 20, 'trials': 1}[args.table]):
        for what,task,r,kept in rows:
            if what.startswith(args.only): run(args.table, what, kept, partial(digits, task), r, seed)

if __name__=='__main__': main()
