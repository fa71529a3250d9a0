"""Beside the networks of chapter 7: fastai's `vision_learner` and a plain loop with torchvision, on the pictures of 3s and 7s.

    python bench/others.py [--seeds 3]

It needs an environment of its own with fastai and torchvision (their packages do not fit the book's constraints) and this package,
installed without its dependencies. One thread. Runs are added to fastfound/data/resnet.jsonl; one that is there already is not repeated.
`FASTFOUND_DATA` names a folder with all of MNIST.
"""
import argparse
from functools import partial
import fastai, torch, torchvision, torch.nn.functional as F
from fastai.vision import all as fa
from torchvision import transforms
from torchvision.datasets import ImageFolder
from fastfound.datasets import URLs, untar_data
from fastfound.basics import set_seed
import resnet as bench
from timing import stopwatch

def timed(f):
    "Accuracy, CPU seconds and seconds of `f(start)`, which calls `start` when the data are there and returns accuracy and model"
    watches = []
    accuracy,model = f(lambda: watches.append(stopwatch()))
    return {'accuracy': round(float(accuracy), 5), **watches[0](), 'parameters': sum(p.numel() for p in model.parameters())}

def by_fastai(path, start):
    "The last lines of chapter 4 of the fastai book; num_workers=0, so that all work is in this process"
    dls = fa.ImageDataLoaders.from_folder(path, valid='valid', num_workers=0)
    learn = fa.vision_learner(dls, fa.resnet18, pretrained=False, loss_func=F.cross_entropy, metrics=fa.accuracy)
    start()
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1, 0.1)
    return learn.recorder.values[-1][2], learn.model

def by_torchvision(path, start):
    "A loop as in PyTorch's examples: pictures from folders, resnet18, SGD with momentum and one cycle"
    sets = [ImageFolder(path/o, transforms.ToTensor()) for o in ('train','valid')]
    train,valid = [torch.utils.data.DataLoader(o, 64, shuffle=i==0) for i,o in enumerate(sets)]
    model = torchvision.models.resnet18(num_classes=2)
    opt = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=len(train))
    start()
    for x,y in train:
        F.cross_entropy(model(x), y).backward()
        opt.step()
        opt.zero_grad()
        schedule.step()
    model.eval()
    with torch.no_grad(): right = sum((model(x).argmax(1)==y).sum().item() for x,y in valid)
    return right/len(sets[1]), model

def rows():
    "What is compared, and a function of the seed that gives the results of a run"
    path = untar_data(URLs.MNIST_SAMPLE, 'full')
    def other(f):
        def run(seed):
            set_seed(seed)
            return timed(partial(f, path))
        return run
    def small(seed): return bench.train(bench.replace(bench.FINAL, bs=64), bench.digits('3 or 7'), seed)
    return {'fastai: vision_learner, resnet18': other(by_fastai), 'torchvision: resnet18 in a plain loop': other(by_torchvision),
            'fastfound: vision_learner, resnet18': bench.book_learner, 'fastfound: small_resnet': small}

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seeds', type=int, default=3, help='number of runs of each row')
    args = parser.parse_args()
    torch.set_num_threads(1)
    versions = f'fastai {fastai.__version__}, torchvision {torchvision.__version__}, PyTorch {torch.__version__}'
    for seed in range(args.seeds):
        for row,f in rows().items():
            if not bench.is_there('others', row, seed): bench.add('others', row, seed, {'kept': True, **f(seed), 'versions': versions})

if __name__=='__main__': main()
