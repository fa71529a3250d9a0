"States of models: which fit, which are refused before anything is changed, and which can be written at all."
import collections, datetime, fractions
import numpy as np, pytest, torch
from torch import nn
from fastfound.weights import check_model_state, load_model_state, model_state, read_state, write_state
from learners import same, three_classes, tiny
import fastfound.checkpoints  # gives a Learner its `save` and `load`

pytestmark = [pytest.mark.not_numerical, pytest.mark.filterwarnings('ignore:Sparse CSR')]

def net(): return nn.Sequential(nn.Linear(3,4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4,2))

class Compiled(nn.Module):
    "Names its parts as what torch.compile returns does, without the seconds that the compiler takes to be imported"
    def __init__(self, model): super().__init__(); self._orig_mod = model
    def forward(self, *args): return self._orig_mod(*args)

class Holder(nn.Module):
    "A model of a user's who calls a part of it `module`"
    def __init__(self, module): super().__init__(); self.module,self.weight = module,nn.Parameter(torch.rand(3))

WRAPS = {
    'plain': lambda m: m, 'compiled': Compiled, 'parallel': nn.DataParallel,
    'compiled parallel': lambda m: Compiled(nn.DataParallel(m)), 'parallel compiled': lambda m: nn.DataParallel(Compiled(m)),
    'compiled layer': lambda m: nn.Sequential(Compiled(m[0]), *m[1:]),
    'parallel layer in a compiled model': lambda m: Compiled(nn.Sequential(m[0], nn.DataParallel(m[1]), *m[2:]))}

@pytest.mark.parametrize('to', WRAPS)
@pytest.mark.parametrize('of', WRAPS)
def test_compiled_and_parallel_models_exchange_their_weights(tmp_path, of, to):
    "In both directions, nested, and with layers that are wrapped; the names in a file are those of the plain model"
    def learner(wrap):
        learn = tiny()
        learn.model = wrap(net())
        return learn
    first,second = learner(WRAPS[of]),learner(WRAPS[to])
    file = first.save(tmp_path/'w')
    assert list(read_state(file, 'weights')['weights'])==list(net().state_dict())
    second.load(file)
    assert same(model_state(second.model), model_state(first.model))

@pytest.mark.parametrize('wrap', WRAPS)
def test_files_with_prefixes_in_them(tmp_path, wrap):
    "As an earlier version, or another program, wrote them"
    model = WRAPS[wrap](net())
    write_state(tmp_path/'w.pth', 'weights', weights=dict(model.state_dict()))
    learn = tiny()
    learn.model = net()
    learn.load(tmp_path/'w')
    assert same(model_state(learn.model), model_state(model))

@pytest.mark.long
def test_what_torch_compile_returns(tmp_path):
    "Trained, as a whole and as a layer"
    for wrap in (lambda m: torch.compile(m, backend='eager'), lambda m: nn.Sequential(torch.compile(m[0], backend='eager'), *m[1:])):
        learn,plain = three_classes(),three_classes()
        learn.model = wrap(learn.model)
        assert any('_orig_mod' in o for o in learn.model.state_dict())
        learn.fit(1, quiet=True)
        plain.load(learn.save(tmp_path/'w'))
        assert same(model_state(learn.model), model_state(plain.model))
        learn.load(plain.save(tmp_path/'w'))

@pytest.mark.parametrize('wrap', [Compiled, nn.DataParallel, lambda m: nn.DataParallel(Compiled(m))])
def test_a_module_that_is_really_called_so_keeps_its_name(wrap):
    model,other = Holder(Holder(nn.Linear(3,2))),Holder(Holder(nn.Linear(3,2)))
    assert list(model_state(wrap(model)))==list(model.state_dict())
    load_model_state(other, model_state(wrap(model)))
    assert same(model_state(other), model_state(model))
    with pytest.raises(ValueError, match='of another model'): load_model_state(other.module, model_state(model))

# What does not fit

W = torch.randn(2,3)
def sparse(x): return x.to_sparse()
FAULTS = {
    'complex': (W.to(torch.complex64), r'got \(2, 3\) complex strided, wanted \(2, 3\) float strided'),
    'whole numbers': (W.long(), r'got \(2, 3\) int strided, wanted'), 'booleans': (W>0, r'got \(2, 3\) bool strided'),
    'bytes': (W.to(torch.uint8), 'int'), 'sparse': (sparse(W), r'got \(2, 3\) float sparse_coo, wanted \(2, 3\) float strided'),
    'sparse rows': (lambda: W.to_sparse_csr(), 'sparse_csr'), 'on meta': (W.to('meta'), 'on meta, without values'),
    'shape': (W.T, r'got \(3, 2\), wanted \(2, 3\)'), 'one dimension more': (W[None], r'got \(1, 2, 3\), wanted \(2, 3\)'),
    'empty': (W[:0], r'got \(0, 3\)'), 'no tensor': (3., 'got a float, wanted'), 'None': (None, 'got a NoneType'),
    'too large': (W.double()*1e300, 'got numbers that are too large, wanted what torch.float32 can hold')}

@pytest.mark.parametrize('fault', FAULTS)
def test_weights_of_another_kind_are_refused(fault):
    "By `load_model_state`, before anything is copied"
    bad,says = FAULTS[fault]
    if callable(bad): bad = bad()
    model = nn.Linear(3,2)
    before = {k: v.clone() for k,v in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"these weights are of another model: for 'weight' .*{says}"):
        load_model_state(model, {'bias': torch.ones(2), 'weight': bad})
    assert same(model.state_dict(), before)

def test_a_counter_takes_no_fractions():
    "`num_batches_tracked` of batch normalisation is a whole number; 300 is too much for a byte"
    model = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match=r"'num_batches_tracked' got \(\) float strided, wanted \(\) int strided"):
        load_model_state(model, {**model.state_dict(), 'num_batches_tracked': torch.tensor(2.5)})
    model.num_batches_tracked = model.num_batches_tracked.to(torch.uint8)
    with pytest.raises(ValueError, match='too large'):
        load_model_state(model, {**model.state_dict(), 'num_batches_tracked': torch.tensor(300)})

@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_other_precisions_and_values_are_taken(dtype):
    "As by PyTorch: rounded where they are longer; nan and infinities, which a run that diverged has left, are what they are"
    model,twin = nn.Linear(3,2),nn.Linear(3,2)
    state = {'weight': W.to(dtype), 'bias': torch.tensor([float('nan'), float('inf')], dtype=dtype)}
    load_model_state(model, state)
    twin.load_state_dict(state)
    assert all(torch.equal(a.nan_to_num(7.), b.nan_to_num(7.)) for a,b in zip(model.parameters(), twin.parameters()))

def tied():
    model = nn.Sequential(nn.Linear(3,3), nn.Linear(3,3))
    model[1].weight = model[0].weight
    return model

def test_tied_weights():
    "One tensor with two names: equal numbers are taken, nan too; different ones are refused, and so is a missing name"
    model,untied = tied(),nn.Sequential(nn.Linear(3,3), nn.Linear(3,3))
    model[0].weight.data[0,0] = float('nan')
    load_model_state(tied(), model_state(model))
    load_model_state(untied, model_state(model))
    with pytest.raises(ValueError, match="for '1.weight' got other numbers than for '0.weight', wanted the same"):
        load_model_state(tied(), nn.Sequential(nn.Linear(3,3), nn.Linear(3,3)).state_dict())
    with pytest.raises(ValueError, match="for '1.weight' got nothing"):
        load_model_state(tied(), {k: v for k,v in model_state(model).items() if k!='1.weight'})

@pytest.mark.parametrize('state', [{1: W}, {}, {'weight': W, 'bias': torch.ones(2), 'more': W}], ids=['a number', 'none', 'one more'])
def test_other_names(state):
    with pytest.raises(ValueError, match='these weights are of another model'): check_model_state(nn.Linear(3,2), state)

@pytest.mark.parametrize('model', [nn.Linear(3,2, device='meta'), nn.LazyLinear(2)], ids=['meta', 'lazy'])
def test_models_without_values(tmp_path, model):
    "Weights can not be copied into them, nor written from them"
    learn = tiny()
    learn.model = nn.Linear(3,2)
    file = learn.save(tmp_path/'w')
    learn.model = model
    with pytest.raises(ValueError, match='on meta, without values|a tensor without a shape'): learn.load(file)
    with pytest.raises(ValueError, match='on meta, without values|a tensor without a shape'): learn.save(tmp_path/'x')
    assert [o.name for o in tmp_path.iterdir()]==['w.pth']

@pytest.mark.parametrize('weights', [None, [torch.ones(2,3)], torch.ones(2,3), 'w.pth'])
def test_weights_that_are_no_dict(weights):
    with pytest.raises(TypeError, match='got state.*, wanted a dict'):
        load_model_state(tiny().model, weights)

@pytest.mark.parametrize('model', [nn.LazyLinear(2), nn.Linear(3,2, device='meta')], ids=['lazy', 'meta'])
def test_a_model_without_values_is_told_what_it_lacks(model):
    "And not that it got what it wanted"
    with pytest.raises(ValueError, match="for 'weight' got .*, wanted one with values"): check_model_state(model, model_state(model))

# What can be written

@pytest.mark.parametrize('number', [np.float64(1.5), np.float32(2), np.int64(3), np.bool_(True)], ids=lambda o: type(o).__name__)
def test_numbers_of_numpy_are_written_as_those_of_python(tmp_path, number):
    write_state(tmp_path/'c', 'checkpoint', state={'a': [number, (number, 1)], number: W})
    got = read_state(tmp_path/'c', 'checkpoint')['state']
    assert got['a']==[number, (number, 1)] and number in got and type(got['a'][0]) in (float, int, bool)

BAD = [np.datetime64('2020'), np.arange(2), fractions.Fraction(1,2), datetime.date(2020,1,1), len, range(2), collections.UserDict()]
GOOD = [1, 2.5, 'x', True, None, W, nn.Parameter(W), torch.Size([2]), torch.float16, {}, collections.OrderedDict(a=W), {1, 2}, b'x']

@pytest.mark.parametrize('value', BAD, ids=lambda o: type(o).__name__)
def test_what_could_not_be_read_is_not_written(tmp_path, value):
    "Also deep inside; the old file stays"
    write_state(tmp_path/'c', 'checkpoint', a=1)
    before = (tmp_path/'c').read_bytes()
    for state in (value, [1, value], {'x': {'y': (W, [value])}}):
        with pytest.raises(TypeError, match=rf"c: got a \w+\.{type(value).__name__} in 'state', wanted tensors, numbers, strings"):
            write_state(tmp_path/'c', 'checkpoint', other=W, state=state)
    assert (tmp_path/'c').read_bytes()==before

@pytest.mark.parametrize('value', GOOD, ids=lambda o: type(o).__name__)
def test_what_is_written_can_be_read(tmp_path, value):
    write_state(tmp_path/'c', 'checkpoint', state=[value, {'a': value}, (value,)])
    got = read_state(tmp_path/'c', 'checkpoint')['state']
    assert type(got[0]) is type(value) and len(got)==3

def test_a_whole_network_with_batch_normalisation(tmp_path):
    learn,other = three_classes(),three_classes()
    learn.fit(1, quiet=True)
    other.load(learn.save(tmp_path/'w'))
    assert same(model_state(other.model), model_state(learn.model))
