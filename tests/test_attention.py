"Attention against PyTorch's, the small language model on our engine against autograd, and the names that it learns from and invents."
import random, re, sys, tarfile
from pathlib import Path
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.attention import (VOCAB, attention, attention_weights, encode, first_names, fit_names, invent, name_loss, name_model,
                                 name_params, rms_norm, split_heads, split_names, trained, who_looks)
from fastfound.basics import set_seed, test_near as near
from fastfound.engine import Tensor, no_grad

sys.path.insert(0, str(Path(__file__).parents[1]/'tools'))
import make_names

NAMES = first_names()

def randn(*shape, seed=0): return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

def random_params(seed=0, std=0.3, **kw):
    "Parameters in double precision, large enough that each part of the model counts"
    return {k: std*randn(*o.shape, seed=100*seed+i) for i,(k,o) in enumerate(name_params(**kw).items())}

@pytest.mark.parametrize('shape', [(1,1), (7,3), (2,5,4), (3,4,11,4), (2,1,6,1)])
def test_attention_is_that_of_pytorch(shape):
    q,k,v = (randn(*shape, seed=i) for i in range(3))
    near(attention(q, k, v), F.scaled_dot_product_attention(q, k, v, is_causal=True), tol=1e-10)
    weights = attention_weights(q, k)
    near(weights.sum(-1), torch.ones(shape[:-1], dtype=torch.float64), tol=1e-12)
    assert (weights.triu(1)==0).all() and (weights.tril()>=0).all()

@pytest.mark.parametrize('d, heads', [(16,4), (12,3), (8,1)])
def test_heads_are_those_of_the_layer_of_pytorch(d, heads):
    x,*w = (randn(*o, seed=i) for i,o in enumerate(((5,9,d), (d,d), (d,d), (d,d), (d,d))))
    layer = nn.MultiheadAttention(d, heads, bias=False, batch_first=True, dtype=torch.float64)
    layer.load_state_dict({'in_proj_weight': torch.cat([o.T for o in w[:3]]), 'out_proj.weight': w[3].T})
    with torch.no_grad(): want,weights = layer(x, x, x, attn_mask=torch.ones(9,9).triu(1).bool(), average_attn_weights=False)
    q,k,v = (split_heads(x@o, heads) for o in w[:3])
    near(attention(q, k, v).transpose(1, 2).reshape(x.shape)@w[3], want, tol=1e-10)
    near(attention_weights(q, k), weights, tol=1e-10)

def test_the_norm_is_that_of_pytorch():
    x = 10*randn(3,4,16)
    near(rms_norm(x), F.rms_norm(x, (16,), eps=1e-5), tol=1e-12)

def test_our_engine_and_autograd_have_the_same_losses_for_a_hundred_steps():
    batch = encode(NAMES[:40:2])
    def losses(params, off):
        found = []
        for _ in range(100):
            loss = name_loss(params, *batch)
            loss.backward()
            with off():
                for p in params.values():
                    p -= 0.3*p.grad
                    p.grad = None
            found.append(loss.item())
        return torch.tensor(found, dtype=torch.float64)
    start = random_params()
    ours = losses({k: Tensor(o.clone(), requires_grad=True) for k,o in start.items()}, no_grad)
    theirs = losses({k: o.clone().requires_grad_() for k,o in start.items()}, torch.no_grad)
    assert (ours-theirs).abs().max()<1e-6 and ours[-1]<ours[0]-0.5

def test_no_place_sees_a_later_one():
    "Whatever comes later, the logits are the same, in the middle of a batch as well"
    g,params = torch.Generator().manual_seed(1),random_params()
    x = torch.randint(27, (3,11), generator=g)
    for t in range(1, 11):
        changed = x.clone()
        changed[:,t:] = torch.randint(27, (3,11-t), generator=g)
        a,b = (name_model(o, *params.values()) for o in (x, changed))
        near(a[:,:t], b[:,:t], tol=1e-12)
        near(name_model(x[:,:t], *params.values()), a[:,:t], tol=1e-12)
    assert (a[:,10]-b[:,10]).abs().max()>1e-3

def test_with_one_block_order_counts_by_position_embeddings_alone():
    params = random_params()
    x = encode(['christina'])[0][:,:10]
    shuffled = x[:,[3,5,0,2,8,1,4,7,6,9]]
    def last(o, params): return name_model(o, *params.values())[:,-1]
    assert (last(x, params)-last(shuffled, params)).abs().max()>1e-2
    bag = params | {'places': torch.zeros(11,16, dtype=torch.float64)}
    near(last(x, bag), last(shuffled, bag), tol=1e-10)

def test_tokens_stand_for_names():
    names = ['emma','bo','christophe']
    x,y,real = encode(names)
    for name,a,b,counts in zip(names, x, y, real):
        assert ''.join(VOCAB[i] for i in a[counts])=='.'+name and ''.join(VOCAB[i] for i in b[counts])==name+'.'
    assert x.shape==y.shape==real.shape==(3,11) and real.sum()==len(''.join(names))+3

def test_the_loss_is_the_cross_entropy_where_a_token_counts():
    params,(x,y,real) = random_params(),encode(NAMES[100:140])
    want = F.cross_entropy(name_model(x, *params.values()).flatten(0, 1), y.masked_fill(~real, -100).flatten())
    near(name_loss(params, x, y, real), want, tol=1e-12)

def test_the_number_of_parameters():
    assert sum(o.numel() for o in name_params().values())==4112
    assert sum(o.numel() for o in name_params(block=16).values())==4192

def test_no_name_is_in_both_parts():
    assert len(set(NAMES))==len(NAMES)>2000 and NAMES==sorted(NAMES) and all(re.fullmatch('[a-z]{3,10}', o) for o in NAMES)
    for seed in range(5):
        training,validation = split_names(NAMES, seed)
        assert not set(training) & set(validation) and sorted(training+validation)==NAMES and len(validation)==len(NAMES)//10
        assert (training, validation)==split_names(NAMES, seed)!=split_names(NAMES, seed+1)

@pytest.mark.not_numerical
def test_the_names_are_cut_as_the_data_says(tmp_path, monkeypatch):
    "By frequency and length; of an archive with another checksum nothing is read, and nothing is written"
    lines = ['MARY  2.629  2.629  1', 'ED  0.2  3.0  2', 'GUILLERMINA  0.01  3.1  3', 'RARE  0.001  4.0  4', 'JO ANN  0.5 0.5 5'][:4]
    assert make_names.cut(lines)=={'mary'} and make_names.cut(lines, least=0.001)=={'mary','rare'}
    other = tmp_path/'names-0.3.0.tar.gz'
    with tarfile.open(other, 'w:gz'): pass
    with pytest.raises(ValueError, match=f'wanted {make_names.SHA256}'): make_names.main(other)

@pytest.mark.not_numerical
def test_the_data_tells_its_source():
    text = (Path(__file__).parents[1]/'fastfound/data/README.md').read_text(encoding='utf-8')
    said = 'first_names.txt','name_model.json','names 0.3.0','MIT','public domain','tools/make_names.py',make_names.SHA256
    assert [o for o in said if o not in text]==[]

def test_the_parameters_that_the_package_carries():
    "They are better than pairs of letters on names that they have not seen, and their heads look nowhere ahead"
    params,valid = trained(),encode(split_names(NAMES)[1])
    assert {k: o.shape for k,o in params.items()}=={k: o.shape for k,o in name_params().items()}
    assert 1.9<name_loss(params, *valid)<2.15
    looks = who_looks(params, 'katherine')
    assert looks.shape==(4,10,10) and (looks.triu(1)==0).all()
    near(looks.sum(-1), torch.ones(4,10))

def test_a_training_lowers_the_loss():
    set_seed(0)
    params,training = name_params(),random.Random(0).sample(NAMES, 500)
    losses = fit_names(params, training, steps=100)
    assert len(losses)==100 and 3<losses[0]<3.6 and sum(losses[-10:])/10<2.6
    assert all(o.grad is None or not o.grad.any() for o in params.values())

@pytest.mark.long
def test_the_whole_training_comes_to_what_the_package_carries():
    training,validation = split_names(NAMES)
    set_seed(42)
    params = name_params()
    fit_names(params, training)
    with torch.no_grad(): assert abs(name_loss(params, *encode(validation))-name_loss(trained(), *encode(validation)))<0.03

def test_invented_names():
    "From the same seed the same; letters only, at most as many as there are places; near a temperature of 0 all the same"
    params = trained()
    set_seed(0)
    a = invent(params, 300)
    set_seed(0)
    assert a==invent(params, 300) and len(a)==300 and all(re.fullmatch('[a-z]{0,11}', o) for o in a) and len(set(a))>200
    assert len(set(invent(params, 50, temperature=0.001)))==1
    assert len(set(invent(params, 300, temperature=0.3)))<len(set(a))
