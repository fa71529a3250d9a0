"Our DataLoader against PyTorch's on drawn datasets, samplers and options."
import random, sys
import numpy as np, pandas as pd, pytest, torch
from torch.utils import data as torch_data
from fastfound.dataloaders import DataLoader, as_images, class_numbers, concat, default_collate, map_tensors, to_device

def draw_item(rng, kind):
    "A function from a row number to an item"
    part = {'int': lambda i: i*7, 'float': lambda i: i/3, 'bool': lambda i: i%3==0, 'word': lambda i: f'w{i}',
            'tensor': lambda i: torch.full((2,3), float(i)), 'array': lambda i: torch.arange(3).numpy()+i}
    if kind=='tuple':
        parts = [rng.choice(list(part)) for _ in range(rng.randint(1,3))]
        return lambda i: tuple(part[o](i) for o in parts)
    if kind=='dict':
        parts = [rng.choice(list(part)) for _ in range(rng.randint(1,3))]
        return lambda i: {f'k{n}': part[o](i) for n,o in enumerate(parts)}
    return part[kind]

def plain(batch):
    "A batch as something to compare: tensors as type and numbers, sequences as tuples"
    if isinstance(batch, torch.Tensor): return (batch.dtype, batch.tolist())
    if isinstance(batch, dict): return {k: plain(v) for k,v in batch.items()}
    if isinstance(batch, (list,tuple)): return tuple(map(plain, batch))
    return batch

def rows(batches, key=lambda b: b): return [o for b in batches for o in key(b)]

def test_like_torch():
    rng = random.Random(0)
    for _ in range(400):
        n,bs,drop = rng.randint(1,20),rng.randint(1,8),rng.random()<.5
        kind = rng.choice(['int','float','bool','word','tensor','array','tuple','dict','tensors','arrays','TensorDataset','range'])
        tensors = torch.arange(n),torch.randn(n,2)
        if kind=='tensors': ours,theirs = tensors,torch_data.TensorDataset(*tensors)
        elif kind=='arrays': ours,theirs = tuple(o.numpy() for o in tensors),torch_data.TensorDataset(*tensors)
        elif kind=='TensorDataset': ours = theirs = torch_data.TensorDataset(*tensors)
        elif kind=='range': ours = theirs = range(n)
        else: ours = theirs = list(map(draw_item(rng, kind), range(n)))
        got,want = DataLoader(ours, bs, drop_last=drop),torch_data.DataLoader(theirs, bs, drop_last=drop)
        assert len(got)==len(want)
        assert [plain(o) for o in got]==[plain(o) for o in want], (kind, n, bs)

def test_shuffling_is_a_new_order_of_the_same_rows():
    rng = random.Random(1)
    for _ in range(100):
        n,bs,seed = rng.randint(20,60),rng.randint(1,9),rng.randrange(1000)
        for ds in (range(n), [(i,) for i in range(n)], torch.arange(n), (torch.arange(n), torch.arange(n)*2)):
            dl = DataLoader(ds, bs, shuffle=True, generator=seed)
            def order(dl): return [x for b in dl for x in (b[0] if isinstance(b, tuple) else b).tolist()]
            first,second = order(dl),order(dl)
            assert sorted(first)==sorted(second)==list(range(n)) and first!=list(range(n)) and first!=second
            assert order(DataLoader(ds, bs, shuffle=True, generator=torch.Generator().manual_seed(seed)))==first

def test_tensors_are_served_by_slices():
    "One index a tensor and batch, however many rows"
    class Counted(torch.Tensor):
        calls = 0
        def __getitem__(self, i):
            Counted.calls += 1
            return self.as_subclass(torch.Tensor)[i]
        def index_select(self, dim, rows):
            Counted.calls += 1
            return self.as_subclass(torch.Tensor).index_select(dim, rows)
    x = torch.randn(1000,3).as_subclass(Counted)
    for shuffle in (False, True):
        Counted.calls = 0
        assert sum(len(b) for b in DataLoader(x, 64, shuffle=shuffle))==1000 and Counted.calls==16

def datasets_of(n):
    "The same rows as tensors, arrays and items"
    x,y = torch.arange(n)*10,torch.arange(n)/4
    return {'tensors': (x,y), 'arrays': (x.numpy(),y.numpy()), 'TensorDataset': torch_data.TensorDataset(x, y), 'items': list(zip(x, y))}

def test_samplers_as_in_torch():
    rng = random.Random(2)
    for _ in range(100):
        n,bs,drop = rng.randint(1,20),rng.randint(1,8),rng.random()<.5
        rows = [rng.randrange(-n, n) for _ in range(rng.randint(0,25))]
        numbers = torch.tensor(rows, dtype=torch.int64)
        sampler = rng.choice([rows, tuple(rows), numbers, torch_data.SequentialSampler(range(n)), range(n-1, -1, -1)])
        lists = [[rng.randrange(n) for _ in range(rng.randint(1,5))] for _ in range(4)]
        for kind,ds in datasets_of(n).items():
            theirs = torch_data.TensorDataset(torch.arange(n)*10, torch.arange(n)/4)
            for kw in (dict(batch_size=bs, sampler=sampler, drop_last=drop), dict(batch_sampler=lists)):
                got,want = DataLoader(ds, **kw),torch_data.DataLoader(theirs, **kw)
                assert len(got)==len(want) and [plain(o) for o in got]==[plain(o) for o in want], (kind, kw)

def test_random_samplers_of_torch():
    for kind,ds in datasets_of(30).items():
        theirs = torch_data.TensorDataset(torch.arange(30)*10, torch.arange(30)/4)
        def sampler(): return torch_data.WeightedRandomSampler(torch.arange(30.), 50, generator=torch.Generator().manual_seed(3))
        got,want = [torch.cat([b[0] for b in loader(o, 8, sampler=sampler())]).tolist()
                    for loader,o in ((DataLoader, ds), (torch_data.DataLoader, theirs))]
        assert got==want and len(got)==50 and 0 not in got, kind
        rows = torch_data.RandomSampler(range(30), generator=torch.Generator().manual_seed(4))
        batches = torch_data.BatchSampler(rows, 7, drop_last=True)
        assert sorted(len(b[0]) for b in DataLoader(ds, batch_sampler=batches))==[7]*4

@pytest.mark.parametrize('kw', [
    dict(sampler=[1], shuffle=True), dict(batch_sampler=[[1]], shuffle=True), dict(batch_sampler=[[1]], batch_size=3),
    dict(batch_sampler=[[1]], batch_size=64), dict(batch_sampler=[[1]], drop_last=True), dict(batch_sampler=[[1]], sampler=[1])])
def test_options_that_exclude_each_other(kw):
    "Also a batch_size that is what it would be by default, which PyTorch only sees where that is 1"
    says = 'got a batch_sampler and' if 'batch_sampler' in kw else 'got a sampler and shuffle=True'
    with pytest.raises(ValueError, match=f'{says}.*, wanted one of them'): DataLoader(range(9), **kw)
    with pytest.raises(ValueError, match='exclusive'): torch_data.DataLoader(range(9), **kw)

@pytest.mark.parametrize('option', ['sampler', 'batch_sampler'])
def test_a_sampler_without_a_length(option):
    class Endless:
        def __getitem__(self, i): return i
    for bad in (Endless(), (o for o in range(9))):
        with pytest.raises(TypeError, match=f'got a {option} of type {type(bad).__name__}, wanted an iterable with a length'):
            DataLoader(range(9), **{option: bad})

def test_shards_of_a_batch_make_the_batch():
    "Of tensors and items, in order, shuffled and sampled, with a short last batch"
    for ds in (torch.arange(23), list(range(23))):
        for kw in (dict(batch_size=5), dict(batch_size=5, shuffle=True), dict(batch_size=5, sampler=list(range(22, -1, -1))),
                   dict(batch_sampler=[[3,1,4],[1,5]])):
            whole = [b.tolist() for b in DataLoader(ds, generator=1, **kw)]
            parts = [DataLoader(ds, generator=1, **kw) for _ in range(2)]
            for rank,dl in enumerate(parts): dl.shard = rank,2
            for b,even,odd in zip(whole, *parts, strict=True): assert b[::2]==even.tolist() and b[1::2]==odd.tolist()

def test_arrays():
    x,y = np.random.default_rng(0).random((10,3), dtype=np.float32),np.arange(10)
    dl = DataLoader((x, y), 4)
    xb,yb = next(iter(dl))
    assert xb.dtype==torch.float32 and yb.dtype==torch.int64 and xb.shape==(4,3) and dl.tensors[0].data_ptr()==x.ctypes.data  # no copy
    assert [len(o) for o in DataLoader(x, 4)]==[4,4,2] and DataLoader(x, 4).tensors
    assert next(iter(DataLoader((x, torch.arange(10)), 4)))[1].tolist()==[0,1,2,3]
    frozen = x.copy()
    frozen.flags.writeable = False
    for odd in (x[::-1], x.astype('>f4'), x.T.copy().T, frozen):
        assert np.array_equal(torch.cat([b[0] for b in DataLoader((odd, y), 4)]).numpy(), odd.astype('f4'))
    assert list(DataLoader(np.array(['a','b','c']), 2))==[('a','b'), ('c',)]

@pytest.mark.parametrize('data, error, says', [
    (lambda x,y: (x, y[:-1]), ValueError, r'of shape \(9,\), wanted \(n,...\) with n=10'),
    (lambda x,y: (x, list(y)), TypeError, 'of type list, wanted a tensor'),
    (lambda x,y: (x, np.array(['a']*10)), TypeError, 'of type ndarray, wanted a tensor'),
    (lambda x,y: (x, 'abc'), TypeError, 'of type str, wanted a tensor'),
    (lambda x,y: np.array(3.), ValueError, r'of shape \(\), wanted \(n,...\)'),
    (lambda x,y: (x, np.array(3.)), ValueError, r'of shape \(\), wanted \(n,...\) with n=10')])
def test_tensors_that_do_not_belong_together(data, error, says):
    x,y = np.zeros((10,3)),np.arange(10)
    for given in ((x, y), (torch.as_tensor(x), torch.as_tensor(y))):
        with pytest.raises(error, match=f'^DataLoader: got data {says}'): DataLoader(data(*given))

def test_lists_are_lists_of_items():
    rows = [torch.full((3,), float(i)) for i in range(5)]
    assert [tuple(b.shape) for b in DataLoader(rows, 2)]==[(2,3), (2,3), (1,3)]
    x,y = torch.zeros(100,784),torch.zeros(100,1)
    assert next(iter(DataLoader([x[:2], x[2:4]], 2))).shape==(2,2,784)  # two items of the same shape, as in PyTorch
    with pytest.raises(ValueError, match=r'got items of shapes \(100, 1\), \(100, 784\), wanted one shape.*DataLoader\(\(x, y\)\)'):
        list(DataLoader([x, y]))

def test_own_collate_fn_gets_items():
    "Also of tensors; None means the default, as in PyTorch"
    def kinds(items): return [type(o).__name__ for o in items]
    x = torch.arange(4)
    pairs = torch_data.TensorDataset(x, x)
    for ds,kind in ((x, 'Tensor'), ((x, x), 'tuple'), (x.numpy(), 'Tensor'), (pairs, 'tuple'), ([(1,2)]*4, 'tuple')):
        assert list(DataLoader(ds, 3, collate_fn=kinds))==[[kind]*3, [kind]], ds
        assert plain(list(DataLoader(ds, 3, collate_fn=None)))==plain(list(DataLoader(ds, 3, collate_fn=default_collate)))

def test_collate():
    assert default_collate([1,2]).dtype==torch.int64 and default_collate([2.5,1]).dtype==default_collate([1,2.5]).dtype==torch.float64
    assert default_collate([torch.zeros(3), torch.ones(3)]).shape==(2,3)
    assert default_collate([{'image': np.zeros((2,2)), 'label': 3}]*4)['image'].shape==(4,2,2)
    assert default_collate([1,'a'])==(1,'a') and default_collate([np.str_('a'), np.str_('b')])==('a','b')
    for bad,says in (([(1,2), 3], r'got items of \[1, 2\] parts'), ([(1,2), (1,2,3)], r'got items of \[2, 3\] parts'),
                     ([{'a': 1}, {'b': 1}], r"wanted \['a'\] in each")):
        with pytest.raises(ValueError, match=says): default_collate(bad)

def test_wrong_arguments():
    n = torch.arange(100)
    for bad in ((), [], range(0), torch.zeros(0,3)):
        with pytest.raises(ValueError, match='got a dataset with no rows'): DataLoader(bad)
    with pytest.raises(TypeError, match='wanted tensors, or something with a length and an index'): DataLoader(iter(n))

BAD = {'batch_size': [1.5, True, '8', -3, 0, None, np.int64(3), torch.tensor(3)], 'num_workers': [-1, 1.5, True, '2', None],
       'shuffle': ['no', 2., [True]], 'drop_last': [1, None, 'no', np.True_], 'generator': ['5', 1.5, True], 'collate_fn': [5, 'stack']}

@pytest.mark.parametrize('option, bad', [(k, o) for k,v in BAD.items() for o in v])
def test_options_that_make_no_sense(option, bad):
    "What PyTorch refuses, and what it takes by mistake: refused when it is given, and when it is set later"
    with pytest.raises(ValueError, match=f'^DataLoader: got {option}=.*, wanted'): DataLoader(range(9), **{option: bad})
    dl = DataLoader(torch.arange(9), 4)
    setattr(dl, option, bad)
    if bad is None and option!='drop_last': dl.batch_size = None
    with pytest.raises(ValueError, match=r'^DataLoader: got \w+=.*, wanted'): iter(dl)

def test_options_of_other_types_as_in_torch():
    for kw in (dict(shuffle=None), dict(shuffle=0), dict(shuffle=np.False_), dict(num_workers=np.int64(0))):
        for loader in (DataLoader, torch_data.DataLoader): assert [o.tolist() for o in loader(range(3), 2, **kw)]==[[0,1],[2]]
    a,b = [list(DataLoader(range(9), 9, shuffle=np.True_, generator=o))[0].tolist() for o in (np.int64(5), 5)]
    assert a==b!=list(range(9))

class Numbers:
    "A dataset of `n` numbers, one of which may raise"
    def __init__(self, n=6, at=None, error=None): self.n,self.at,self.error = n,at,error
    def __len__(self): return self.n
    def __getitem__(self, i):
        if i==self.at: raise self.error
        return i

class Only(torch_data.IterableDataset):
    def __iter__(self): return iter(range(9))
    def __len__(self): return 9

ITERABLES = Only(), (o for o in range(9)), {1,2,3}, zip([1],[2]), map(str, [1]), 5, None

@pytest.mark.parametrize('dataset', ITERABLES, ids=lambda o: type(o).__name__)
def test_what_can_only_be_iterated_over(dataset):
    with pytest.raises(TypeError, match=f'^DataLoader: got {type(dataset).__name__}, wanted tensors, or something with a length'):
        DataLoader(dataset)

# What changes between two passes

def own(items): return 'own',len(items)

def all_of(dl): return [plain(o) for o in dl]

def filled(n, start=0): return torch.arange(start, start+n)*10,torch.arange(start, start+n)/4

KINDS = {'tensors': lambda x,y: (x,y), 'tensor': lambda x,y: x, 'arrays': lambda x,y: (x.numpy(),y.numpy()), 'array': lambda x,y: y.numpy(),
         'TensorDataset': lambda x,y: torch_data.TensorDataset(x, y), 'items': lambda x,y: list(zip(x.tolist(), y.tolist())),
         'words': lambda x,y: [str(o) for o in x.tolist()], 'dict': lambda x,y: dict(enumerate(x.tolist()))}

WAYS = {}, dict(shuffle=True, generator=3), dict(collate_fn=own), dict(sampler=[3,1,2]), dict(batch_sampler=[[1,0],[2]])

@pytest.mark.parametrize('kw', WAYS, ids=lambda kw: '-'.join(kw) or 'plain')
@pytest.mark.parametrize('before', KINDS)
@pytest.mark.parametrize('after', KINDS)
def test_another_dataset(before, after, kw):
    "`dl.dataset = new` is what is served from then on, whatever the two consist of, and what it is then called"
    old,new = KINDS[before](*filled(7)),KINDS[after](*filled(11, 50))
    dl = DataLoader(old, **{} if 'batch_sampler' in kw else {'batch_size': 4}, **kw)
    assert dl.dataset is old
    dl.dataset = new
    want = DataLoader(new, **{} if 'batch_sampler' in kw else {'batch_size': 4}, **kw)
    assert dl.dataset is new and len(dl)==len(want) and dl.n==want.n and all_of(dl)==all_of(want)

def test_rows_that_come_and_go():
    rows = [1,2,3]
    dl = DataLoader(rows, 2)
    assert all_of(dl)==[(torch.int64,[1,2]),(torch.int64,[3])]
    rows += [4,5]
    assert (dl.n, len(dl))==(5,3) and all_of(dl)[-1]==(torch.int64,[5])
    assert sorted(torch.cat(list(DataLoader(rows, 2, shuffle=True))).tolist())==[1,2,3,4,5]
    del rows[1:]
    assert (dl.n, len(dl))==(1,1) and all_of(dl)==[(torch.int64,[1])]
    rows.clear()
    with pytest.raises(ValueError, match='DataLoader: got a dataset with no rows'): iter(dl)

def test_tensors_of_a_dataset_that_are_replaced():
    ds = torch_data.TensorDataset(torch.arange(5))
    dl = DataLoader(ds, 4)
    ds.tensors = torch.arange(9),torch.arange(9)/2
    assert (dl.n, len(dl))==(9,3) and all_of(dl)==all_of(torch_data.DataLoader(ds, 4))
    ds.tensors = torch.arange(9),torch.arange(8)
    with pytest.raises(ValueError, match=r'got data of shape \(8,\), wanted \(n,...\) with n=9'): iter(dl)

@pytest.mark.parametrize('view', [lambda a: a, lambda a: a[::-1], lambda a: a.T.reshape(6,2), lambda a: a.view('>f4'),
                                  lambda a: np.lib.stride_tricks.as_strided(a, writeable=False)])
@pytest.mark.parametrize('kw', [{}, dict(collate_fn=lambda items: torch.stack([b for b,_ in items]))])
def test_numbers_of_an_array_that_change(view, kw):
    "Also where a tensor can't share its memory"
    a = np.arange(12, dtype='f4').reshape(6,2)
    seen = view(a)
    dl = DataLoader((seen, seen), 6, **kw)
    for factor in (1,-2):
        a *= factor
        batch, = dl
        assert np.array_equal((batch if kw else batch[0]).numpy(), seen.astype('f4'))

@pytest.mark.parametrize('data', [torch.arange(9), list(range(9))], ids=['tensor','list'])
def test_options_that_are_set_later(data):
    dl = DataLoader(data, 4)
    def sizes(): return [len(o) for o in dl]
    dl.batch_size = 2
    assert len(dl)==5 and sizes()==[2,2,2,2,1]
    dl.drop_last = True
    assert len(dl)==4 and sizes()==[2]*4
    dl.shuffle,dl.generator = True,5
    order = torch.cat(list(dl)).tolist()
    assert order==torch.cat(list(DataLoader(data, 2, True, True, 5))).tolist()!=torch.cat(list(dl)).tolist()  # the seed counts once
    dl.sampler = [8,7,6]
    with pytest.raises(ValueError, match='got a sampler and shuffle=True'): iter(dl)
    dl.shuffle = False
    assert dl.n==3 and [o.tolist() for o in dl]==[[8,7]]
    dl.collate_fn = own
    assert list(dl)==[('own',2)]
    dl.collate_fn,dl.sampler,dl.drop_last,dl.batch_sampler = None,None,False,[[5],[4,3,2]]
    assert len(dl)==2 and [o.tolist() for o in dl]==[[5],[4,3,2]]

@pytest.mark.parametrize('rows', [[1.5, 2.], [torch.tensor(0.5)], [np.float64(1)]], ids=repr)
def test_row_numbers_that_are_no_whole_numbers(rows):
    for kw in (dict(sampler=rows), dict(batch_sampler=[rows])):
        with pytest.raises(TypeError, match='got the row numbers .*, wanted whole numbers'): list(DataLoader(torch.arange(9), **kw))
        with pytest.raises((TypeError,IndexError)): list(torch_data.DataLoader(list(range(9)), **kw))

# Errors, and copies

@pytest.mark.parametrize('error', [KeyError('x'), ValueError(), RuntimeError('DataLoader worker (pid'), OSError(5, 'z'), MemoryError()])
def test_a_pass_goes_on_after_an_error(error):
    "As in PyTorch, so a caller may leave out what can't be read"
    for loader in (DataLoader, torch_data.DataLoader):
        it,seen = iter(loader(Numbers(6, 3, error), 2)),[]
        for _ in range(4):
            try: seen.append(next(it).tolist())
            except StopIteration: seen.append('end')
            except type(error) as e: seen.append(e)
        assert seen==[[0,1], error, [4,5], 'end']

def test_an_item_can_not_end_the_pass():
    "In PyTorch the rows that follow are lost in silence"
    with pytest.raises(RuntimeError, match='an item raised StopIteration'): list(DataLoader(Numbers(6, 3, StopIteration()), 2))
    assert len(list(torch_data.DataLoader(Numbers(6, 3, StopIteration()), 2)))==1

class Asked(torch.Tensor):
    "Keeps what `to` was asked for"
    asked: list = []
    def to(self, device, non_blocking=False, **kw):
        self.asked.append((torch.device(device).type, non_blocking))
        return self

@pytest.mark.parametrize('device, waits', [('cpu', True), (torch.device('cpu'), True), ('cpu:0', True), ('meta', False), ('cuda', False),
                                           (torch.device('cuda', 1), False), ('mps', False)])
def test_copies_to_the_cpu_are_waited_for(device, waits):
    "However the device is called, wherever the tensor stands"
    Asked.asked.clear()
    t = torch.ones(2).as_subclass(Asked)
    to_device({'a': (t, [t]), 'b': 'text'}, device)
    kind = torch.device(device).type
    assert Asked.asked==[(kind, not waits)]*2

UNSENDABLE = {'lambda': lambda: 1, 'file': sys.__stderr__, 'generator': (o for o in ()), 'module': sys}

@pytest.mark.parametrize('part', UNSENDABLE)
def test_what_other_processes_can_not_be_sent(part):
    "Said before any of them starts, and no matter for a loader without them"
    for dataset,collate_fn in (([UNSENDABLE[part]]*3, None), (range(3), lambda items: items)):
        with pytest.raises(TypeError, match=r"^DataLoader: got a \w+ that other processes can't be sent \(.*\), wanted one that can"):
            list(DataLoader(dataset, num_workers=1, collate_fn=collate_fn))
        assert len(list(DataLoader(dataset, collate_fn=collate_fn)))==1

def test_short_last_batch():
    n = torch.arange(100)
    assert len(DataLoader(n, 7, drop_last=True))==14 and [len(o) for o in DataLoader(n, 7, drop_last=True)]==[7]*14
    assert list(map(len, DataLoader(n, 7)))==[7]*14+[2]

BAD_CALLS = {'default_collate: got items': default_collate, 'concat: got parts': concat, 'class_numbers: got targets': class_numbers,
             'map_tensors: got f': lambda o: map_tensors(o, 1), 'as_images: got inputs': as_images}

@pytest.mark.parametrize('says', BAD_CALLS)
@pytest.mark.parametrize('bad', [None, 5, 1.5, {}, (), float('nan')], ids=repr)
def test_wrong_arguments_are_named(says, bad):
    with pytest.raises((TypeError,ValueError), match=f'^{says}.*, wanted'): BAD_CALLS[says](bad)

@pytest.mark.parametrize('bad', [1.5, 'gpu', [1,2], torch.zeros(2)], ids=str)
def test_devices_that_are_none(bad):
    with pytest.raises(ValueError, match='to_device: got device=.*, wanted a device such as'): to_device(torch.zeros(2), bad)

@pytest.mark.parametrize('rows', [['a'], [[0,1], [2]], [None]], ids=repr)
def test_row_numbers_that_are_no_numbers(rows):
    with pytest.raises(TypeError, match='got the row numbers .*, wanted whole numbers'): list(DataLoader(torch.arange(9), sampler=rows))

def test_tables_of_pandas_are_refused_in_words():
    "They are indexed by labels, so after a shuffled split row 0 would be another one, or none"
    table = pd.DataFrame({'a': [1.,2.,3.], 'b': [0,1,0]}, index=[2,0,1])
    for o in (table, table['a'], (table[['a']],table['b']), (torch.zeros(3),table['b'])):
        with pytest.raises(TypeError, match=r'got a (DataFrame|Series) of pandas, wanted an array, as its to_numpy\(\) is'): DataLoader(o)
    assert [y.tolist() for _,y in DataLoader((table[['a']].to_numpy(),table['b'].to_numpy()), 2)]==[[0,1], [0]]
