"Chapter 9: other right ways pass the checks, and wrong ones do not."
import math
import pytest, torch
import torch.nn.functional as F
from fastfound.attention import name_model
from fastfound.checking import verdict
from test_checks import as_a_readers

def weights_by_tril(q, k):
    t = q.size(-2)
    scores = torch.matmul(q, k.transpose(-2, -1))/math.sqrt(q.size(-1))
    return F.softmax(scores.masked_fill(torch.ones(t, t).tril()==0, float('-inf')), dim=-1)
def weights_by_exponentials(q, k):
    s = torch.einsum('...id,...jd->...ij', q, k)/q.shape[-1]**0.5
    seen = torch.arange(s.shape[-1])<=torch.arange(s.shape[-2])[:,None]
    s = torch.where(seen, s, -1e30)
    e = (s-s.amax(-1, keepdim=True)).exp()*seen
    return e/e.sum(-1, keepdim=True)
def weights_by_rows(q, k):
    out = []
    for i in range(q.shape[-2]):
        row = (q[...,i:i+1,:]@k[...,:i+1,:].mT).squeeze(-2)*k.shape[-1]**-0.5
        out.append(F.pad(row.softmax(-1), (0, q.shape[-2]-i-1)))
    return torch.stack(out, -2)
def scaled_before(q, k):
    scores = (q*q.shape[-1]**-0.5)@k.mT
    return (scores+torch.triu(torch.full_like(scores, -math.inf), 1)).softmax(-1)

def attention_by_parts(q, k, v): return weights_by_tril(q, k).matmul(v)
def attention_by_rows(q, k, v):
    out = [((q[...,i:i+1,:]@k[...,:i+1,:].mT/k.shape[-1]**0.5).softmax(-1)@v[...,:i+1,:]) for i in range(q.shape[-2])]
    return torch.cat(out, -2)
def attention_by_sums(q, k, v): return (weights_by_exponentials(q, k).unsqueeze(-1)*v.unsqueeze(-3)).sum(-2)

def encode_by_lists(names, block=11):
    rows = [[0]+[ord(a)-96 for a in o]+[0]*(block-len(o)) for o in names]
    t = torch.tensor(rows, dtype=torch.int64).reshape(len(names), block+1)
    real = torch.tensor([[i<=len(o) for i in range(block)] for o in names], dtype=torch.bool).reshape(len(names), block)
    return [t[:,:block], t[:,1:], real]

def heads_by_chunks(z, n=4): return torch.stack(z.chunk(n, -1), 1)
def heads_by_view(z, n=4):
    b,t,d = z.shape
    return z.contiguous().view(b, t, n, d//n).permute(0, 2, 1, 3)

def norm_by_root(x): return x/(x.pow(2).mean(dim=-1, keepdim=True)+1e-8).sqrt()
def norm_by_length(x): return x*math.sqrt(x.shape[-1])/(x.norm(dim=-1, keepdim=True)+1e-6)

def model_by_hand(x, letters, places, wq, wk, wv, wo, w1, w2, out):
    h = letters[x]+places[torch.arange(x.size(1))]
    z = norm_by_root(h)
    heads = [attention_by_parts(*(z@w[:,i] for w in (wq, wk, wv))) for i in torch.arange(len(wq)).view(4, -1)]
    h = h+torch.cat(heads, -1)@wo
    h = h+F.relu(norm_by_root(h)@w1)@w2
    return norm_by_root(h)@out

def loss_by_cross_entropy(params, x, y, real):
    return F.cross_entropy(name_model(x, **params)[real], y[real])
def loss_by_mask(params, x, y, real):
    losses = F.cross_entropy(name_model(x, *params.values()).transpose(1, 2), y, reduction='none')
    return (losses*real).sum()/real.sum()

@torch.no_grad()
def invent_one_by_one(params, n, temperature=1.):
    names = []
    while len(names)<n:
        text = ['.']
        while len(text)<=len(params['places']):
            logits = name_model(torch.tensor([['.abcdefghijklmnopqrstuvwxyz'.index(a) for a in text]]), *params.values())[0,-1]
            text.append('.abcdefghijklmnopqrstuvwxyz'[torch.distributions.Categorical(logits=logits/temperature).sample()])
            if text[-1]=='.': break
        names.append(''.join(text).strip('.'))
    return names

@torch.no_grad()
def invent_with_lists(params, n, temperature=1.):
    texts = [[0] for _ in range(n)]
    for _ in params['places']:
        logits = name_model(torch.tensor(texts), **params)[:,-1]
        for text,i in zip(texts, torch.multinomial(F.softmax(logits/temperature, -1), 1).flatten().tolist()): text.append(i)
    return [''.join(chr(96+i) if i else '.' for i in text[1:]).partition('.')[0] for text in texts]

OTHERS = {'attention_weights': [weights_by_tril, weights_by_exponentials, weights_by_rows, scaled_before],
          'attention': [attention_by_parts, attention_by_rows, attention_by_sums], 'encode': [encode_by_lists],
          'split_heads': [heads_by_chunks, heads_by_view],
          'rms_norm': [norm_by_root, norm_by_length], 'name_model': [model_by_hand], 'name_loss': [loss_by_cross_entropy, loss_by_mask],
          'invent': [invent_one_by_one, invent_with_lists]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

WRONG = {
    'attention_weights': [(' + future', ''), ('.triu(1)', '.triu(0)'), ('.triu(1)', '.triu(2)'), ('.triu(1)', '.tril(-1)'),
                          ('/d**0.5', ''), ('/d**0.5', '/d'), ('/d**0.5', '/t**0.5'), ('/d**0.5', '*d**0.5'),
                          ('softmax(-1)', 'softmax(-2)'), ('q@k.mT', 'k@q.mT'), ('.softmax(-1)', ''), ('-torch.inf', '-1.'),
                          ('-torch.inf', 'torch.inf'), ('.softmax(-1)', '.exp()'),
                          ('.softmax(-1)', '.log_softmax(-1)'), ('.softmax(-1)', '.sigmoid()'), ('q@k.mT', '-q@k.mT'),
                          ('.softmax(-1)', '.softmax(-1).detach()'), ('.softmax(-1)', '.float().softmax(-1)'),
                          ('d**0.5', 'd**0.25'), ('(q@k.mT/d**0.5 + future).softmax(-1)', '(q@k.mT/d**0.5).softmax(-1).tril()'),
                          ('q@k.mT', 'q.mul_(1)@k.mul_(2).mT'),
                          ('q@k.mT', 'q@k.transpose(0, 1)'), ('t,d = k.shape[-2:]', 'd,t = k.shape[-2:]')],
    'attention': [('@v', ''), ('attention_weights(q, k)', 'attention_weights(k, q)'),
                  ('attention_weights(q, k)', 'attention_weights(q, v)'), ('@v', '@k'),
                  ('attention_weights(q, k)', 'attention_weights(q, k).mT'),
                  ('@v', '@v.cumsum(-2)'), ('attention_weights(q, k)', '(q@k.mT).softmax(-1)'),
                  ('attention_weights(q, k)', '(q@k.mT/k.shape[-1]**0.5).softmax(-1)'),
                  ('attention_weights(q, k)@v', 'v@attention_weights(q, k)'),
                  ('@v', '@v + v'), ('@v', '@v.float()'), ('@v', '@v.mean(-2, keepdim=True).expand(v.shape)'),
                  ('attention_weights(q, k)', '(attention_weights(q, k)+1)')],
    'encode': [('rows[:,1:]', 'rows[:,:-1]'), ('(block)==0', '(block)>=0'), ('| (torch.arange(block)==0)', ''), ('x>0', 'x>=0'),
               ('row[1:len(name)+1]', 'row[:len(name)]'), ('block+1', 'block+2'), ('VOCAB.index(o)', 'VOCAB.index(o)-1'),
               ('x>0', 'y>0'), ('return x, y', 'return y, x')],
    'split_heads': [('.transpose(1, 2)', ''), ('n, -1).transpose(1, 2)', '-1, n).transpose(1, 2)'),
                    ('z.reshape(*z.shape[:2], n, -1).transpose(1, 2)', 'z.reshape(z.shape[0], n, z.shape[1], -1)'),
                    ('n, -1)', '4, -1)'), ('n=4', 'n=2'), ('transpose(1, 2)', 'transpose(1, 3)'),
                    ('.transpose(1, 2)', '.transpose(1, 2).flip(1)')],
    'rms_norm': [('.mean(', '.sum('), ('**-0.5', '**0.5'), ('**-0.5', '**-1'), ('mean(-1', 'mean(0'), (' + 1e-5', ''),
                 ('x*((x*x)', '((x*x)'), ('x*x', 'x'), ('x*((x*x)', 'x*(((x-x.mean(-1, keepdim=True))**2)'), ('1e-5', '1e-1')],
    'name_model': [(' + places[:x.shape[1]]', ''), ('h = h + mixed', 'h = mixed'), ('h = h + (rms', 'h = (rms'), ('.relu()', ''),
                   ('@wo', ''), ('.transpose(1, 2)', ''), ('return rms_norm(h)', 'return h'),
                   ('z = rms_norm(h)', 'z = h'), ('(rms_norm(h)@w1)', '(h@w1)'), ('split_heads(z@wv)', 'split_heads(z@wk)'),
                   ('split_heads(z@wq)', 'split_heads(z@wq, 2)'), ('@out', '@out.softmax(-1)'), ('z@wv', 'h@wv')],
    'name_loss': [('[real]', ''), ('return -', 'return '), ('.mean()', '.sum()'), ('.log_softmax(-1)', ''),
                  ('.log_softmax(-1)', '.softmax(-1)'), ('y[real]', 'x[real]'), ('.mean()', ''), ('.log_softmax(-1)', '.log_softmax(0)')],
    'invent': [('/temperature', ''), ('/temperature', '*temperature'), ('probs.multinomial(1)', 'probs.argmax(-1, keepdim=True)'),
               ("split('.')[1]", "split('.')[0]"), ("(VOCAB[i] for i in row).split('.')[1]", "(VOCAB[i] for i in row)"),
               ('range(block)', 'range(block-1)'), ('name_model(x,', 'name_model(x[:,-1:],'), ('[:,-1]', '[:,0]'),
               ("split('.')[1]", "strip('.')")]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def test_what_an_exercise_does_without_is_told():
    text = verdict('attention', lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)).text
    assert 'it uses scaled_dot_product_attention' in text, text
    assert 'it uses rms_norm' in verdict('rms_norm', lambda x: F.rms_norm(x, x.shape[-1:])).text
