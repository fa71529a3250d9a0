"""What each remedy for overfitting buys: the tables of chapter 8.

    python bench/overfitting.py settings                   how strong each remedy should be, chosen on other digits and by other seeds
    python bench/overfitting.py remedies [--seeds 5]       each remedy alone, on a thousand digits
    python bench/overfitting.py together [--seeds 5]       several at once
    python bench/overfitting.py more     [--seeds 5]       the learning curve, from 100 digits to all
    python bench/overfitting.py search                     the best of many networks on a hundred validation digits, and on others

A seed draws the training digits, the first weights, the order of the digits and all else that is random. The digits that are kept from
training are cut in two: the first half chooses settings and stops early, the second half measures. No test digit is used.

One thread. Runs are added to fastfound/data/overfitting.jsonl, a line each; one that is there already is not repeated.
`FASTFOUND_DATA` names a folder with all of MNIST; `--sample` takes the bundled sample.
"""
import argparse, copy, random
from functools import lru_cache, partial
import torch, torch.nn.functional as F
from torch import nn
from fastfound.basics import set_seed
from fastfound.dataloaders import DataLoader, DataLoaders
from fastfound.datasets import get_mnist, mnist_arrays
from fastfound.learner import Callback, Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import AdamW
from fastfound.overfitting import Distort, conv_net, dense_net, smoothed_loss
import runs

FILE = runs.FOLDER/'overfitting.jsonl'
LR,BS,DIGITS,EPOCHS = 0.003,50,1000,60
P,WD,EPS,MOST = 0.5,1.,0.3,0.2  # as the table of settings says: the best accuracy, and of those within 0.2 % the lowest loss

class KeepBest(Callback):
    "Keeps the weights of the epoch with the lowest validation loss"
    def before_fit(self): self.lowest = float('inf')
    def after_epoch(self):
        loss = self.recorder['valid_loss'][-1]
        if loss<self.lowest: self.lowest,self.weights,self.at = loss,copy.deepcopy(self.model.state_dict()),self.learn.epoch+1

@lru_cache(None)
def digits(source):
    "Training digits, those that choose, and those that measure"
    x,y,xv,yv = mnist_arrays(get_mnist(source))
    half = len(yv)//2
    return (x, y), (xv[:half], yv[:half]), (xv[half:], yv[half:])

def train(source, seed, model=dense_net, n=DIGITS, p=0., nh=None, wd=0., eps=0., most=0., best=False, shuffled=False, epochs=None, lr=LR,
          on='measure'):
    "Losses and accuracies on the training digits and on others, after training"
    (x,y),choose,measure = digits(source)
    set_seed(seed)
    some = torch.randperm(len(y))[:n]
    a,b = x[some],y[some]
    if shuffled: b = b[torch.randperm(len(b))]
    net = nn.Linear(784,10) if model is nn.Linear else model(**({'nh': nh} if nh else {}), p=p)
    dls = DataLoaders(DataLoader((a, b), BS, shuffle=True), DataLoader(choose, 1000) if best else None)
    cbs = [Distort(most)]*(most>0) + [KeepBest()]*best
    learn = Learner(dls, net, partial(smoothed_loss, eps=eps) if eps else F.cross_entropy, partial(AdamW, weight_decay=wd), lr, cbs=cbs)
    learn.fit(epochs or max(20, EPOCHS*DIGITS//n), quiet=True)
    if best: net.load_state_dict(cbs[-1].weights)
    net.eval()
    def results(x, y):
        with torch.no_grad(): preds = net(x)
        return round(F.cross_entropy(preds, y).item(), 5),round(accuracy(preds, y).item(), 5)
    (train_loss,train_acc),(valid_loss,valid_acc) = results(a, b),results(*(choose if on=='choose' else measure))
    return {'train_loss': train_loss, 'valid_loss': valid_loss, 'train_accuracy': train_acc, 'accuracy': valid_acc,
            **({'epochs': cbs[-1].at} if best else {}), 'parameters': sum(o.numel() for o in net.parameters())}

def remedies():
    return {'nothing': {}, 'three times the digits': dict(n=3000), 'augmentation': dict(most=MOST), 'linear model': dict(model=nn.Linear),
            'convolutions': dict(model=conv_net), 'dropout': dict(p=P), 'weight decay': dict(wd=WD), 'label smoothing': dict(eps=EPS),
            'early stopping': dict(best=True), '30 hidden units': dict(nh=30), '10 hidden units': dict(nh=10), '3 hidden units': dict(nh=3),
            '300 hidden units': dict(nh=300), '1,000 hidden units': dict(nh=1000), 'shuffled labels': dict(shuffled=True)}

def together():
    dense = {'dropout, weight decay': dict(p=P, wd=WD), 'augmentation, dropout': dict(most=MOST, p=P),
             'augmentation, 10 hidden units': dict(most=MOST, nh=10)}
    conv = {'convolutions, dropout': dict(p=P), 'convolutions, augmentation': dict(most=MOST)}
    return dense | {k: v | dict(model=conv_net) for k,v in conv.items()}

def settings():
    return {**{f'dropout {o}': dict(p=o) for o in (0.25, 0.5, 0.75)}, **{f'weight decay {o}': dict(wd=o) for o in (0.1, 0.3, 1., 3.)},
            **{f'label smoothing {o}': dict(eps=o) for o in (0.1, 0.3)}, **{f'augmentation {o}': dict(most=o) for o in (0.1, 0.2, 0.3)}}

def more(source):
    return {f'{n:,} digits': dict(n=n) for n in (100, 300, 1000, 3000, *((10_000, 50_000) if source=='full' else ()))}

def search(source):
    "A hundred networks with random settings: the accuracy on a hundred of the digits that choose, and on those that measure"
    (x,y),choose,measure = digits(source)
    rng = random.Random(0)
    for i in range(100):
        if is_there('search', source, f'network {i}', i): continue
        nh,p,lr,wd = rng.choice((20,50,100)),rng.choice((0.,0.25,0.5)),10**rng.uniform(-3,-2),rng.choice((0.,0.3,1.))
        set_seed(i)
        some = torch.randperm(len(y))[:DIGITS]
        net = dense_net(nh, p)
        Learner(DataLoaders(DataLoader((x[some], y[some]), BS, shuffle=True), None), net, F.cross_entropy,
                partial(AdamW, weight_decay=wd), lr).fit(5, quiet=True)
        net.eval()
        with torch.no_grad(): few,many = [accuracy(net(a), b).item() for a,b in ((choose[0][:100], choose[1][:100]), measure)]
        add('search', source, f'network {i}', i, {'chosen_by': round(few, 5), 'accuracy': round(many, 5)})

def is_there(table, source, row, seed):
    return any((o['table'],o['source'],o['row'],o['seed'])==(table,source,row,seed) for o in runs.load(FILE))

def add(table, source, row, seed, result):
    "Put a run into the file; runs of a row stand together"
    new = {'table': table, 'source': source, 'row': row, 'seed': seed, **result, 'machine': runs.machine()}
    print({k: v for k,v in new.items() if k!='machine'}, flush=True)
    results = [*runs.load(FILE), new]
    rows = list(dict.fromkeys((o['table'],o['source'],o['row']) for o in results))
    runs.save(FILE, sorted(results, key=lambda o: rows.index((o['table'],o['source'],o['row']))))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('table', choices=('settings', 'remedies', 'together', 'more', 'search'))
    parser.add_argument('--seeds', type=int, default=5, help='number of runs of each row')
    parser.add_argument('--only', default='', help='only rows that begin with this text')
    parser.add_argument('--sample', action='store_true', help='the bundled sample instead of all of MNIST')
    args = parser.parse_args()
    torch.set_num_threads(1)
    source = 'sample' if args.sample else 'full'
    if args.table=='search': return search(source)
    rows = {'settings': settings, 'remedies': remedies, 'together': together, 'more': partial(more, source)}[args.table]()
    seeds = range(100, 102) if args.table=='settings' else range(args.seeds)
    for seed in seeds:
        for row,kw in rows.items():
            if row.startswith(args.only) and not is_there(args.table, source, row, seed):
                add(args.table, source, row, seed, train(source, seed, on='choose' if args.table=='settings' else 'measure', **kw))

if __name__=='__main__': main()
