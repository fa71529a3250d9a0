"""Train the small network that reads drawn digits, and write fastfound/web/digit_net.json. It takes two minutes.

It learns from all training digits of MNIST, turned, scaled and moved.
"""
import json
from functools import partial
from pathlib import Path
import torch, torch.nn.functional as F
import fastfound.schedules
from fastfound.augment import Augment
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import get_mnist
from fastfound.basics import set_seed
from fastfound.files import atomic_write
from fastfound.fully_connected import normalize
from fastfound.learner import Learner
from fastfound.metrics import accuracy
from fastfound.optimizers import MuonSGD
from fastfound.resnet import small_resnet
from fastfound.web import web_network

OUT = Path(__file__).parents[1]/'fastfound/web/digit_net.json'

def main():
    torch.set_num_threads(1)
    data = get_mnist('full')
    mean,std = (data.x_train/255).mean(),(data.x_train/255).std()
    sets = [(normalize(x/255, mean, std)[:,None], y) for x,y in ((data.x_train, data.y_train), (data.x_test, data.y_test))]
    set_seed(42)
    model = small_resnet(widths=(8,16,32))
    dls = DataLoaders(DataLoader(sets[0], 128, shuffle=True), DataLoader(sets[1], 1000))
    aug = Augment(15, 0.15, 0.15, 2/28, pad='border')
    learn = Learner(dls, model, partial(F.cross_entropy, label_smoothing=0.1), partial(MuonSGD, sgd_lr=0.03), 0.05, accuracy, [aug])
    learn.fit_one_cycle(8, pct_start=0.1)
    model.eval()
    with atomic_write(OUT) as f: f.write_text(json.dumps(web_network(model, mean, std), separators=(',',':')) + '\n', encoding='utf-8')
    print(f"{learn.recorder['accuracy'][-1]:.2%} of the test digits, {OUT.stat().st_size/1000:.0f} kB")

if __name__=='__main__': main()
