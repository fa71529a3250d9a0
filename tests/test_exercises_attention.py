"Exercises of chapter 9: other right answers pass, and wrong ones do not."
import math
import numpy as np
import pytest, torch
import torch.nn.functional as F
from torch import tensor
from fastfound import attention as page
from fastfound.attention import VOCAB, encode, first_names, invent, name_model, split_names, trained
from fastfound.checking import verdict
from fastfound.checks.attention_exercises import CONSTANTS, losses_of

# 1.

I = torch.eye(5)
def below(c): return torch.diag(torch.full((4,), float(c)), -1)

# 2.

training,validation = split_names(first_names()[::4])
found = {n: losses_of(training, validation, n) for n in (1,2,3)}
best = {n: CONSTANTS[o[0].index(min(o[0]))] for n,o in found.items()}
quadruples = min(found[3][0])
def seen(best, quadruples): return training,validation,best,quadruples

def loss_by_tensors(n, c, accumulate=True, add=0.):
    "The loss of counts in a tensor, as on the page; without `accumulate` each is counted once"
    def lasts(x, real, n): return (*lasts(torch.cat((0*x[:,:1], x[:,:-1]), 1), real, n-1), x[real]) if n else ()
    (x,y,real),(xv,yv,realv) = encode(training),encode(validation)
    counts = torch.full((27,)*(n+1), float(c)).index_put((*lasts(x, real, n), y[real]), tensor(1.+add*c), accumulate=accumulate)
    return F.cross_entropy(counts[lasts(xv, realv, n)].log(), yv[realv]).item()

def once(**kw):
    found = {n: [loss_by_tensors(n, c, False, **kw) for c in CONSTANTS] for n in (1,2,3)}
    return {n: CONSTANTS[o.index(min(o))] for n,o in found.items()},min(found[3])
counted_once,put_once = once(add=1.),once()

# 3.

params = trained()
x = encode(['katherine', 'katherina'])[0]
def open_attention(q, k, v): return (q@k.mT/q.shape[-1]**0.5).softmax(-1)@v
def logits(x, looks=page.attention):
    before,page.attention = page.attention,looks
    try: return name_model(x, *params.values())
    finally: page.attention = before
closed,opened = logits(x[:,:10]),logits(x[:,:10], open_attention)

eleven = logits(x)[:,:10],logits(x, open_attention)[:,:10]  # with padding, which opens what comes after it

# 4. to 7., each with its own means

@torch.no_grad()
def likeliest(params):
    tokens = [0]
    while len(tokens)<12:
        tokens.append(name_model(tensor([tokens]), **params)[0,-1].argmax().item())
        if not tokens[-1]: break
    return ''.join(VOCAB[i] for i in tokens).strip('.')
def coldest(params): return invent(params, 1, 1e-4)[0]
@torch.no_grad()
def sampled(params):
    tokens = [0]
    while len(tokens)<12:
        tokens.append(name_model(tensor([tokens]), *params.values())[0,-1].softmax(0).multinomial(1).item())
        if not tokens[-1]: break
    return ''.join(VOCAB[i] for i in tokens).strip('.')
def one_letter(params): return likeliest(params)[:1]
def with_dot(params): return likeliest(params)+'.'

def surprise(params, name):
    "As a tensor with a gradient"
    tokens = tensor([0, *map(VOCAB.index, name)])
    return F.cross_entropy(name_model(tokens[None], *params.values())[0], torch.cat((tokens[1:], tokens[:1])))
def surprise_of(params, name): return page.name_loss(params, *encode([name])).item()
def summed(params, name): return surprise_of(params, name)*(len(name)+1)
def without_dot(params, name): return page.name_loss(params, *(o[:,:len(name)] for o in encode([name])))
def of_letters(params, name): return page.name_loss(params, *encode(name)).item()
def by_letters(params, name): return surprise_of(params, name)*(len(name)+1)/len(name)
def looking_ahead(params, name):
    before,page.attention = page.attention,open_attention
    try: return surprise_of(params, name)
    finally: page.attention = before
def in_bits(params, name): return surprise_of(params, name)/math.log(2)
def perplexity(params, name): return math.exp(surprise_of(params, name))

@torch.no_grad()
def complete(params, beginning, n):
    names = []
    while len(names)<n:
        name = beginning
        while len(name)<11:
            probs = name_model(tensor([[0, *map(VOCAB.index, name)]]), *params.values())[0,-1].softmax(0)
            letter = VOCAB[torch.multinomial(probs, 1)]
            if letter=='.': break
            name += letter
        names.append(name)
    return names
def complete_likeliest(params, beginning, n): return [complete({k: 40*o if k=='out' else o for k,o in params.items()}, beginning, 1)[0]]*n
def repeated(params, beginning, n): return complete(params, beginning, 1)*n
def not_begun(params, beginning, n): return invent(params, n)
def only_ends(params, beginning, n): return [o[len(beginning):] for o in complete(params, beginning, n)]

def made_params(*sizes): return sum(o.numel() for o in page.name_params(*sizes).values())
def halves(d, block, vocab): return d*(2*vocab + block) + 24*d*d/2
def n_params(d, block, vocab): return sum(math.prod(o) for o in [(vocab,d), (block,d), *[(d,d)]*4, (d,4*d), (4*d,d), (d,vocab)])
def one_vocab(d, block, vocab): return d*(vocab+block) + 12*d*d
def no_wo(d, block, vocab): return d*(2*vocab+block) + 11*d*d

def test_counts_are_those_of_the_page():
    for n,c in ((1,1), (2,0.1), (3,0.03)): assert abs(loss_by_tensors(n, c)-found[n][0][CONSTANTS.index(c)])<1e-4

@pytest.mark.parametrize('number,answer', [
    ('09.1', (below(14), I, 14)), ('09.1', (I, below(100).T, tensor(14))), ('09.1', (below(4), below(4).new_ones(5).diag()*4, 14)),
    ('09.1', (below(14).tolist(), I.tolist(), 14.)), ('09.1', (np.diag([14]*4, -1), np.eye(5), 14)),
    ('09.2', seen(dict(reversed(best.items())), quadruples)), ('09.3', (params, *eleven)),
    ('09.3', (params, *(o.detach().numpy() for o in eleven))), ('09.7', (halves, 8417.)),
    ('09.2', seen(best, quadruples)), ('09.2', seen([*best.values()], loss_by_tensors(3, best[3]))),
    ('09.3', (params, closed, opened)), ('09.3', (params, logits(x), logits(x, open_attention))),
    ('09.4', likeliest), ('09.4', coldest), ('09.5', surprise), ('09.5', surprise_of), ('09.6', complete),
    ('09.7', (n_params, 8417)), ('09.7', (lambda d, block, vocab: 2*vocab*d + block*d + 12*d**2, tensor(8417)))])
def test_another_answer_is_right(number, answer):
    v = verdict(number, answer)
    assert v, v.text

@pytest.mark.parametrize('number,answer,mistake', [
    ('09.1', (below(13), I, 14), 'above 0.99'), ('09.1', (14*I, I, 14), 'looks at itself'),
    ('09.1', (below(14).T, I, 14), 'place *after* it'),
    ('09.1', (torch.zeros(5,5), I, 14), 'all alike'), ('09.1', (below(14)[:4], I, 14), '5 by 5'), ('09.1', (below(14), I, 6), 'root of 5'),
    ('09.1', (below(14), I, 13), '*four*'), ('09.1', (below(14), I, 15), ''),
    ('09.2', seen(dict(zip((2,3,4), best.values())), quadruples), 'keys of `best`'), ('09.2', seen(*counted_once), 'accumulate=True'),
    ('09.2', seen(*put_once), 'accumulate=True'), ('09.2', seen(best, put_once[1]), 'accumulate=True'),
    ('09.3', (params, opened, closed), 'are swapped'), ('09.4', sampled, 'is sampled'), ('09.5', of_letters, '`[name]`'),
    ('09.5', by_letters, '`len(name)+1`'), ('09.5', looking_ahead, '`open_attention`'), ('09.6', repeated, 'sampled and repeated'),
    ('09.2', seen({1: 1, 2: 0.1, 3: 0.1}, quadruples), 'that the page used'),
    ('09.2', seen(dict.fromkeys((1,2,3), 0.01), quadruples), 'training names'),
    ('09.2', seen(best, math.exp(quadruples)), 'perplexity'), ('09.2', seen(best, min(found[2][0])), 'of triples'),
    ('09.2', seen(best, found[3][0][-1]), 'another constant'), ('09.2', seen(0.1, quadruples), 'for each of'), ('09.2', seen(best, 9.), ''),
    ('09.3', (params, closed, closed), 'has the mask'), ('09.3', (params, opened, opened), 'comes from'),
    ('09.3', (params, closed[0], opened[0]), 'both names'), ('09.3', (params, closed.softmax(-1), opened), 'probabilities'),
    ('09.3', (params, closed, 0*opened), ''), ('09.3', (params, closed[[0,0]], opened), 'twice'),
    ('09.4', one_letter, 'first letter'), ('09.4', with_dot, 'dot at the end'), ('09.4', lambda params: invent(params, 1)[0], 'is sampled'),
    ('09.5', summed, 'the sum'), ('09.5', without_dot, 'dot after the name'), ('09.5', lambda *o: -surprise_of(*o), 'sign'),
    ('09.5', in_bits, ''), ('09.5', perplexity, 'perplexity'), ('09.6', not_begun, 'do not begin'), ('09.6', only_ends, 'left out'),
    ('09.6', complete_likeliest, 'the likeliest'),
    ('09.7', (one_vocab, 8417), 'output'), ('09.7', (no_wo, 8417), 'four matrices'), ('09.7', (n_params, 8416), 'one too small'),
    ('09.7', (n_params, 4251), 'once'), ('09.7', (n_params, 1), '')])
def test_a_wrong_answer_is_found(number, answer, mistake):
    v = verdict(number, answer)
    assert v.state=='wrong' and mistake in v.mistake, v.text

@pytest.mark.parametrize('number,answer', [('09.1', (below(14), I, ...)), ('09.2', seen(..., ...)), ('09.3', (params, ..., opened)),
                                           ('09.7', (n_params, ...))])
def test_what_is_not_written_is_not_yet(number, answer): assert verdict(number, answer).state=='not yet'

def test_parameters_are_counted_without_making_any(): assert 'name_params' in verdict('09.7', (made_params, 8417)).text
