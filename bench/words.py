"""The language model of page 9a trained for 3,000 steps: its curve, what it writes, and which words are near each other.

    python bench/words.py [--size small] [--lr 0.005] [--seeds 3]

Sizes are `small`, the model of the page, and `large`, twice as wide and with two blocks. One thread. Runs are added to
fastfound/data/words.jsonl, a line each; one that is there already is not repeated.
"""
import argparse
from time import process_time
import torch
from fastfound.basics import set_seed
from fastfound.words import (detokenize, encode_words, fit_words, mean_loss, nearest_words, plays, split_plays, word_params, word_vocab,
                             write_words)
import runs

FILE = runs.FOLDER/'words.jsonl'
SIZES = {'small': {}, 'large': {'d': 128, 'n': 2}}
STEPS,EVERY,LENGTH = 3000,250,2000
WORDS = 'thou','shall','night','mother','ROMEO:'

def run(size, lr, seed):
    "Train one model; its losses on the way are those of the last steps and of the validation tokens"
    training,validation = split_plays(plays())
    vocab = word_vocab(training)
    ids,valid = encode_words(training, vocab),encode_words(validation, vocab)
    set_seed(seed)
    params = word_params(**SIZES[size])
    losses,curve,seconds,start = [],[],0.,process_time()
    for loss in fit_words(params, ids, STEPS, lr=lr):
        losses.append(loss)
        if len(losses)%EVERY==0:
            seconds += process_time()-start
            curve.append([len(losses), round(sum(losses[-EVERY:])/EVERY, 3), round(mean_loss(params, valid).item(), 3)])
            print(size, seed, curve[-1], round(seconds, 1), flush=True)
            start = process_time()
    set_seed(seed)
    text = detokenize(write_words(params, vocab, LENGTH))
    return {'size': size, 'lr': lr, 'seed': seed, 'parameters': sum(o.numel() for o in params.values()), 'steps': STEPS,
            'seconds': round(seconds, 1), 'curve': curve, 'text': text,
            'near': {o: nearest_words(params, vocab, o) for o in WORDS}, 'machine': runs.machine()}

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', choices=SIZES, default='small')
    parser.add_argument('--lr', type=float, default=0.005)
    parser.add_argument('--seeds', type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for seed in range(args.seeds):
        if any((o['size'], o['lr'], o['seed'])==(args.size, args.lr, seed) for o in runs.load(FILE)): continue
        new = run(args.size, args.lr, seed)
        runs.save(FILE, [*runs.load(FILE), new])

if __name__ == '__main__': main()
