"""How long an epoch of `Learner.fit` takes, validation included, as a ratio to loops written out by hand in the same run.

    python bench/learner.py [threads ...]

3s and 7s of MNIST, 784-30-1, batch 256. `FASTFOUND_DATA` names a folder with all of it.
"""
import sys
import torch
from torch import nn
from torch.utils.data import DataLoader as TorchLoader, TensorDataset
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import get_mnist
from fastfound.basics import set_seed
from fastfound.learner import Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import SGD
from fastfound.mnist_sgd import mnist_loss
from timing import in_turns

def threes_and_sevens(x, y):
    keep = (y==3)|(y==7)
    return x[keep].flatten(1).float()/255, (y[keep]==3).float()[:,None]

def network():
    set_seed(42)
    return nn.Sequential(nn.Linear(784,30), nn.ReLU(), nn.Linear(30,1))

def evaluate(model, batches):
    "Mean loss and accuracy over `batches`"
    model.eval()
    total,right,n = 0.,0.,0
    with torch.no_grad():
        for xb,yb in batches:
            preds = model(xb)
            total += mnist_loss(preds, yb).item()*len(yb)
            right += ((preds>0)==(yb==1)).sum().item()
            n += len(yb)
    model.train()
    return total/n, right/n

def by_hand(train, valid, lr, bs):
    "A model and a function that trains it for an epoch, as one writes it out: slices, autograd, an SGD step"
    model,(x,y) = network(),train
    def epoch():
        order,total = torch.randperm(len(x)),0.
        for i in range(0, len(x), bs):
            rows = order[i:i+bs]
            xb,yb = x[rows],y[rows]
            loss = mnist_loss(model(xb), yb)
            total += loss.item()*len(yb)
            loss.backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= lr*p.grad
                    p.grad = None
        batches = ((valid[0][i:i+bs], valid[1][i:i+bs]) for i in range(0, len(valid[0]), bs))
        return total/len(x), *evaluate(model, batches)
    return model,epoch

def ready_made(train, valid, lr, bs):
    "The same with the loader and the optimizer of PyTorch"
    model = network()
    opt = torch.optim.SGD(model.parameters(), lr)
    train,valid = TorchLoader(TensorDataset(*train), bs, shuffle=True),TorchLoader(TensorDataset(*valid), bs)
    def epoch():
        total,n = 0.,0
        for xb,yb in train:
            loss = mnist_loss(model(xb), yb)
            total += loss.item()*len(yb)
            n += len(yb)
            loss.backward()
            opt.step()
            opt.zero_grad()
        return total/n, *evaluate(model, valid)
    return model,epoch

def learner(train, valid, lr, bs):
    dls = DataLoaders(DataLoader(train, bs, shuffle=True), DataLoader(valid, bs))
    learn = Learner(dls, network(), mnist_loss, SGD, lr, accuracy)
    def epoch():
        learn.fit(1, quiet=True)
        return learn.recorder.values[-1]
    return learn.model,epoch

def compare(rounds=40, lr=0.1, bs=256):
    "Median seconds an epoch and the accuracy after `rounds` epochs of each loop, run in turns"
    data = get_mnist()
    train,valid = threes_and_sevens(data.x_train, data.y_train),threes_and_sevens(data.x_test, data.y_test)
    loops = {'Learner.fit': learner, 'slices by hand': by_hand, 'torch DataLoader': ready_made}
    epochs,acc = {k: f(train, valid, lr, bs)[1] for k,f in loops.items()},{}
    def noting(k, epoch):
        def run(): acc[k] = epoch()[2]
        return run
    return data.source,in_turns({k: noting(k, epoch) for k,epoch in epochs.items()}, rounds-2, warm_up=2),acc

if __name__ == '__main__':
    for threads in map(int, sys.argv[1:] or ['1', '2']):
        torch.set_num_threads(threads)
        source,seconds,acc = compare()
        ours = seconds['Learner.fit']
        print(f'3 or 7 ({source}), 784-30-1, batch 256, threads: {threads}')
        for k,v in seconds.items():
            print(f'  {k:<17} {v*1e3:6.1f} ms an epoch, Learner.fit takes {ours/v:.2f} times that; accuracy {acc[k]:.4f}')
