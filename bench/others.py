"""Beside the networks of chapter 7: fastai's `vision_learner` and plain loops with torchvision, on pictures of 3s and 7s.

    python bench/others.py [--seeds 10]

It needs an environment of its own with fastai and torchvision (their packages do not fit the book's constraints) and this package,
installed without its dependencies. One thread. Runs are added to fastfound/data/resnet.jsonl; one that is there already is not repeated.
`FASTFOUND_DATA` names a folder with all of MNIST. Each run begins with the same files, every third of the training pictures and all of the
validation pictures, and ends with an accuracy; its CPU seconds are those of all that lies between, reading the files included.
"""
import argparse, os, tempfile
from functools import partial
from pathlib import Path
import fastai, torch, torchvision, torch.nn.functional as F
from fastai.vision import all as fa
from torchvision import transforms
from torchvision.datasets import ImageFolder
from fastfound.basics import set_seed
from fastfound.datasets import URLs, untar_data
from fastfound.images import ImageDataLoaders, get_image_files
from fastfound.metrics import accuracy
from fastfound.optimizers import resnet_optimizer
from fastfound.resnet import resnet18, small_resnet, smoothed_cross_entropy
from fastfound.vision import vision_learner
import resnet as bench
from timing import stopwatch

def by_fastai(path):
    "The last lines of chapter 4 of the fastai book; num_workers=0, so that all work is in this process"
    dls = fa.ImageDataLoaders.from_folder(path, valid='valid', num_workers=0)
    learn = fa.vision_learner(dls, fa.resnet18, pretrained=False, loss_func=F.cross_entropy, metrics=fa.accuracy)
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(1, 0.1)
    return learn.recorder.values[-1][2], learn.model

def by_fastfound(path, arch=resnet18, lr=0.1, **kw):
    "The same lines, with our `vision_learner`"
    learn = vision_learner(ImageDataLoaders.from_folder(path), arch, metrics=accuracy, **kw)
    learn.fit_one_cycle(1, lr, quiet=True)
    return learn.recorder['accuracy'][-1], learn.model

def by_torchvision(opt_func, path):
    "A loop as in PyTorch's examples: pictures from folders, resnet18, an optimizer and one cycle"
    sets = [ImageFolder(path/o, transforms.ToTensor()) for o in ('train','valid')]
    train,valid = [torch.utils.data.DataLoader(o, 64, shuffle=i==0) for i,o in enumerate(sets)]
    model = torchvision.models.resnet18(num_classes=2)
    opt = opt_func(model.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=len(train))
    for x,y in train:
        F.cross_entropy(model(x), y).backward()
        opt.step()
        opt.zero_grad()
        schedule.step()
    model.eval()
    with torch.no_grad(): right = sum((model(x).argmax(1)==y).sum().item() for x,y in valid)
    return right/len(sets[1]), model

ROWS = {'fastai: vision_learner, resnet18': by_fastai,
        'torchvision: resnet18 in a plain loop, AdamW': partial(by_torchvision, torch.optim.AdamW),
        'torchvision: resnet18 in a plain loop, SGD': partial(by_torchvision, partial(torch.optim.SGD, momentum=0.9)),
        'fastfound: vision_learner, resnet18': by_fastfound,
        'fastfound: vision_learner, small_resnet': partial(by_fastfound, arch=small_resnet, lr=0.05, opt_func=resnet_optimizer,
                                                           loss_func=smoothed_cross_entropy)}

def timed(f, path, seed):
    "The results of `f`, from files to accuracy"
    set_seed(seed)
    elapsed = stopwatch()
    reached,model = f(path)
    return {'accuracy': round(float(reached), 5), **elapsed(), 'parameters': sum(p.numel() for p in model.parameters())}

def a_third(path, to):
    "Links in `to` to every third of the training pictures of each class in `path`, and to all validation pictures"
    for part,every in (('train',3), ('valid',1)):
        for folder in sorted((path/part).iterdir()):
            (to/part/folder.name).mkdir(parents=True)
            for o in get_image_files(folder)[::every]: os.link(o, to/part/folder.name/o.name)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seeds', type=int, default=10, help='number of runs of each row')
    args = parser.parse_args()
    torch.set_num_threads(1)
    versions = f'fastai {fastai.__version__}, torchvision {torchvision.__version__}, PyTorch {torch.__version__}'
    path = untar_data(URLs.MNIST_SAMPLE, 'full')
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        a_third(path, Path(folder))
        for seed in range(args.seeds):
            for row,f in ROWS.items():
                if bench.is_there('others', row, seed): continue
                bench.add('others', row, seed, {'kept': True, **timed(f, Path(folder), seed), 'versions': versions})

if __name__=='__main__': main()
