"""Our Learner beside the training loops of other libraries, on a 784-50-10 network: CPU seconds in one run, at the same accuracy.

    python bench/peers.py [--rounds 5] [--folder FOLDER]

It makes an environment of its own, in a temporary folder or in FOLDER, where it stays for the next time, and installs PyTorch as it is
here and the peers into it with pip. A peer that can't be installed or imported there is named and left out. Then all loops train in turns,
in one process with one thread, from the same weights: SGD, batches of 64 in random order, 2 epochs, the test digits evaluated after each.
CPU seconds are those of the fit alone. The results replace fastfound/data/peers.jsonl. `FASTFOUND_DATA` names a folder with all of MNIST.
"""
import argparse, json, logging, os, subprocess, sys, tempfile, venv, warnings
from importlib.metadata import version
from pathlib import Path
from statistics import median
import torch, torch.nn.functional as F
from torch import nn
from fastfound.basics import set_seed

ROOT = Path(__file__).parents[1]
FILE = ROOT/'fastfound/data/peers.jsonl'
PACKAGES = {'ignite': 'pytorch-ignite', 'skorch': 'skorch', 'accelerate': 'accelerate', 'Lightning': 'lightning', 'Keras': 'keras'}
NEEDS = ['fastcore', 'numpy', 'tqdm', 'pillow']  # of fastfound, as far as it is used here
LR,BS,EPOCHS = 0.1,64,2

def network():
    set_seed(42)
    return nn.Sequential(nn.Linear(784,50), nn.ReLU(), nn.Linear(50,10))

def torch_loaders(train, valid):
    from torch.utils.data import DataLoader, TensorDataset
    return DataLoader(TensorDataset(*train), BS, shuffle=True), DataLoader(TensorDataset(*valid), 2*BS)

def evaluate(model, batches):
    "The accuracy over `batches`"
    model.eval()
    right = n = 0
    with torch.no_grad():
        for xb,yb in batches:
            right += (model(xb).argmax(1)==yb).sum().item()
            n += len(yb)
    model.train()
    return right/n

# Each takes the data and returns a function that trains and returns the accuracy

def bare(train, valid):
    "Slices, autograd and an SGD step, as one writes them out"
    model,(x,y) = network(),train
    def fit():
        for _ in range(EPOCHS):
            order = torch.randperm(len(x))
            for i in range(0, len(x), BS):
                rows = order[i:i+BS]
                loss = F.cross_entropy(model(x[rows]), y[rows])
                loss.item()  # a loop that shows nothing of its losses is no match for one that does
                loss.backward()
                with torch.no_grad():
                    for p in model.parameters():
                        p -= LR*p.grad
                        p.grad = None
            acc = evaluate(model, ((valid[0][i:i+2*BS], valid[1][i:i+2*BS]) for i in range(0, len(valid[0]), 2*BS)))
        return acc
    return fit

def fastfound_learner(train, valid):
    from fastfound.dataloaders import DataLoaders
    from fastfound.learner import Learner
    from fastfound.metrics import accuracy
    from fastfound.optimizers import SGD
    learn = Learner(DataLoaders.from_dsets(train, valid, BS), network(), F.cross_entropy, SGD, LR, accuracy)
    def fit():
        learn.fit(EPOCHS, quiet=True)
        return learn.recorder['accuracy'][-1]
    return fit

def torch_loop(train, valid):
    "A loop over PyTorch's DataLoader, with its optimizer"
    model,(train_dl,valid_dl) = network(),torch_loaders(train, valid)
    opt = torch.optim.SGD(model.parameters(), LR)
    def fit():
        for _ in range(EPOCHS):
            for xb,yb in train_dl:
                loss = F.cross_entropy(model(xb), yb)
                loss.item()
                loss.backward()
                opt.step()
                opt.zero_grad()
            acc = evaluate(model, valid_dl)
        return acc
    return fit

def ignite(train, valid):
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.metrics import Accuracy
    model,(train_dl,valid_dl) = network(),torch_loaders(train, valid)
    trainer = create_supervised_trainer(model, torch.optim.SGD(model.parameters(), LR), F.cross_entropy)
    evaluator = create_supervised_evaluator(model, {'accuracy': Accuracy()})
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: evaluator.run(valid_dl))
    def fit():
        trainer.run(train_dl, max_epochs=EPOCHS)
        return evaluator.state.metrics['accuracy']
    return fit

def skorch(train, valid):
    from skorch import NeuralNetClassifier
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split
    net = NeuralNetClassifier(network(), criterion=nn.CrossEntropyLoss, optimizer=torch.optim.SGD, lr=LR, batch_size=BS, max_epochs=EPOCHS,
                              iterator_train__shuffle=True, iterator_valid__batch_size=2*BS, verbose=0,
                              train_split=predefined_split(Dataset(*valid)))
    def fit():
        net.fit(*train)
        return net.history[-1, 'valid_acc']
    return fit

def accelerate(train, valid):
    from accelerate import Accelerator
    accelerator,model = Accelerator(cpu=True),network()
    model,opt,train_dl,valid_dl = accelerator.prepare(model, torch.optim.SGD(model.parameters(), LR), *torch_loaders(train, valid))
    def fit():
        for _ in range(EPOCHS):
            for xb,yb in train_dl:
                loss = F.cross_entropy(model(xb), yb)
                loss.item()
                accelerator.backward(loss)
                opt.step()
                opt.zero_grad()
            acc = evaluate(model, valid_dl)
        return acc
    return fit

def lightning(train, valid):
    import lightning
    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net,self.right,self.n = network(),0,0
        def training_step(self, batch): return F.cross_entropy(self.net(batch[0]), batch[1])
        def on_validation_epoch_start(self): self.right = self.n = 0
        def validation_step(self, batch):
            self.right += (self.net(batch[0]).argmax(1)==batch[1]).sum().item()
            self.n += len(batch[1])
        def configure_optimizers(self): return torch.optim.SGD(self.parameters(), LR)
    model,loaders = Module(),torch_loaders(train, valid)
    quiet = dict.fromkeys(('logger', 'enable_checkpointing', 'enable_progress_bar', 'enable_model_summary'), False)
    trainer = lightning.Trainer(max_epochs=EPOCHS, accelerator='cpu', num_sanity_val_steps=0, **quiet)
    def fit():
        trainer.fit(model, *loaders)
        return model.right/model.n
    return fit

def keras(train, valid):
    "With PyTorch as its backend"
    os.environ['KERAS_BACKEND'] = 'torch'
    from keras import Sequential, layers, losses, optimizers
    start,model = network(),Sequential([layers.Input((784,)), layers.Dense(50, 'relu'), layers.Dense(10)])
    model.set_weights([o.detach().numpy().T for o in start.parameters()])
    model.compile(optimizers.SGD(LR), losses.SparseCategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
    def fit():
        seen = model.fit(*train, batch_size=BS, epochs=EPOCHS, validation_data=valid, validation_batch_size=2*BS, verbose=0)
        return seen.history['val_accuracy'][-1]
    return fit

LOOPS = {'slices, by hand': bare, 'fastfound': fastfound_learner, 'torch DataLoader, by hand': torch_loop, 'ignite': ignite,
         'skorch': skorch, 'accelerate': accelerate, 'Lightning': lightning, 'Keras': keras}

def digits():
    "Normalised rows of pixels and labels, to train on and to test on"
    from fastfound.datasets import get_mnist
    d = get_mnist('full')
    mean,std = d.x_train.float().mean(),d.x_train.float().std()
    return [((x.flatten(1).float()-mean)/std, y) for x,y in ((d.x_train, d.y_train), (d.x_test, d.y_test))]

def measure(rounds):
    "A line for each loop and round, the loops in turns; those that can't be imported are named"
    from runs import machine
    from timing import stopwatch
    torch.set_num_threads(1)
    data,missing = digits(),[]
    small = [(x[:10*BS], y[:10*BS]) for x,y in data]
    for name,make in LOOPS.items():
        try: make(*small)()  # imports, and what a first call does
        except ImportError as e: missing.append(f'{name}: {e}')
    there = {k: v for k,v in LOOPS.items() if k not in [o.partition(':')[0] for o in missing]}
    versions = {k: version(v) for k,v in PACKAGES.items() if k in there}
    for i in range(rounds):
        for name,make in there.items():
            fit = make(*data)
            elapsed = stopwatch()
            acc = float(fit())
            yield dict(loop=name, round=i, accuracy=round(acc, 4), **elapsed(), version=versions.get(name), machine=machine())
    for o in missing: print(f'left out: {o}', file=sys.stderr)

def environment(folder):
    "The Python of an environment in `folder` with all peers that can be installed"
    python = folder/('Scripts/python.exe' if os.name=='nt' else 'bin/python')
    if python.exists(): return python
    venv.create(folder, with_pip=True)
    pinned = f'torch=={version("torch").partition("+")[0]}'
    for packages in (NEEDS, *([o] for o in PACKAGES.values())):
        done = subprocess.run([python, '-m', 'pip', 'install', '--quiet', pinned, *packages])
        if done.returncode: print(f'not installed: {" ".join(packages)}', file=sys.stderr)
    return python

def ratios(rows):
    "From each loop to its CPU seconds as a multiple of those of the bare loop in the same round: the median over the rounds"
    cpu = {(o['loop'], o['round']): o['cpu'] for o in rows}
    first = next(iter(LOOPS))
    return {k: median(cpu[k,i]/cpu[first,i] for l,i in cpu if l==k) for k in dict.fromkeys(o['loop'] for o in rows)}

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5, help='number of runs of each loop')
    parser.add_argument('--folder', type=Path, help='where the environment is, or is made')
    parser.add_argument('--measure', action='store_true', help=argparse.SUPPRESS)  # in that environment
    args = parser.parse_args()
    if args.measure:
        warnings.simplefilter('ignore')
        logging.disable(logging.WARNING)
        for o in measure(args.rounds): print(json.dumps(o), flush=True)
        return
    import runs
    with tempfile.TemporaryDirectory() as spare:
        env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        python = environment(args.folder or Path(spare)/'peers')
        call = [python, __file__, '--measure', '--rounds', str(args.rounds)]
        out = subprocess.run(call, env=env, stdout=subprocess.PIPE, text=True, check=True)
    rows = [json.loads(o) for o in out.stdout.splitlines() if o.startswith('{"loop"')]
    runs.save(FILE, rows)
    for name,ratio in ratios(rows).items(): print(f'{name:<28} {ratio:.2f}')

if __name__=='__main__': main()
