"Chapter 0: files of numbers, read and written byte by byte, and rows to train on, to validate on and to test on."
import gzip, math, struct, tempfile
from pathlib import Path
import torch
from .spec import check, made, rng

TYPES = {0x08: ('B', torch.uint8), 0x09: ('b', torch.int8), 0x0B: ('h', torch.int16), 0x0C: ('i', torch.int32),
         0x0D: ('f', torch.float32), 0x0E: ('d', torch.float64)}
REFUSED,UNNAMED,WRONG_TYPE = 'a ValueError','a ValueError that does not say which data it is about','a TypeError'

class Bytes(bytes):
    "Bytes that a report shows in hexadecimal"
    def __repr__(self): return self.hex(' ') or 'no bytes'

def idx(code, shape, numbers, order='>'):
    return Bytes(bytes([0, 0, code, len(shape)]) + struct.pack(f'{order}{len(shape)}I', *shape)
                 + struct.pack(f'{order}{len(numbers)}{TYPES[code][0]}', *numbers))

NUMBERS = {0x08: (1, 2, 255, 0, 128, 7), 0x09: (-1, 2, -128, 127, 0, 5), 0x0B: (1, -2, 300, -32768, 0, 32767),
           0x0C: (1, -2, 70_000, -2**31, 0, 9),
           0x0D: (0.5, -2., 3e30, 0., -0.25, 1e-30), 0x0E: (0.1, -2., 3e300, 0., -0.25, 1e-300)}

def idx_files():
    "Files of all types and of none to three axes, sizes above 255, without numbers; then such as are wrong"
    yield idx(0x08, (3,), (1, 2, 3)),
    yield idx(0x08, (2,2), (1, 2, 3, 255)),
    for code,numbers in NUMBERS.items():
        yield idx(code, (2,), numbers[:2]),
        yield idx(code, (3,2), numbers),
        yield idx(code, (1,2,3), numbers),
    for code,shape in ((0x08, (300,)), (0x0B, (2,150)), (0x0D, (257,1)), (0x0C, (4,3,2,5))):
        yield idx(code, shape, [o%100 for o in range(math.prod(shape))]),
    for shape in ((1,), (0,), (0,3), (1,1,1)): yield idx(0x08, shape, (9,)*math.prod(shape)),
    good = idx(0x08, (2,2), (1, 2, 3, 255))
    wide = idx(0x0B, (2,), (1, -2))
    for o in (good[:-1], good+b'\0', wide[:-1], wide+b'\0\0', b'\0\1'+good[2:], b'\1\0'+good[2:], good[:2]+b'\x0a'+good[3:],
              good[:2]+b'\0'+good[3:],
              good[:8], good[:11], good[:3], b'', b'\x1f\x8b\x08\0'+good[4:]): yield Bytes(o),
    for o in (good[:-1], good+b'\0', b'\1\0'+good[2:]): yield Bytes(o),'my.idx'
    yield good,'my.idx'

def parsed(data, name='', order='>', numbers_order='>'):
    "The tensor in `data`, number by number; REFUSED if anything is wrong"
    if len(data)<4 or data[:2]!=b'\0\0' or data[2] not in TYPES or len(data)<4+4*data[3]: return REFUSED
    letter,dtype = TYPES[data[2]]
    shape = struct.unpack_from(f'{order}{data[3]}I', data, 4)
    start,size = 4+4*data[3],struct.calcsize('>'+letter)
    if len(data)!=start+math.prod(shape)*size: return REFUSED
    return torch.tensor([struct.unpack_from(numbers_order+letter, data, start+i*size)[0] for i in range(math.prod(shape))],
                        dtype=dtype).view(shape)

def use_parse(f, data, name=None):
    try: return f(bytes(data)) if name is None else f(bytes(data), name)
    except ValueError as e:
        if not isinstance(parsed(data), str): raise
        return REFUSED if name is None or name in str(e) else UNNAMED

def as_parsed(change):
    "The mistake of `change`, from the right tensor and the data; what is wrong is refused"
    def wrong(data, name='the data'):
        t = parsed(data)
        if isinstance(t, str): raise ValueError(name)
        return change(t, data)
    return made(use_parse, wrong)

def careless(fix):
    "The mistake of not noticing what `fix` repairs"
    def wrong(data, name='the data'):
        t = parsed(fix(data))
        if isinstance(t, str): raise ValueError(name)
        return t
    return made(use_parse, wrong)

def size_of(data):
    if len(data)<4 or data[2] not in TYPES or len(data)<4+4*data[3]: return len(data)
    return 4 + 4*data[3] + math.prod(struct.unpack_from(f'>{data[3]}I', data, 4))*struct.calcsize('>'+TYPES[data[2]][0])

def other_order(data, name='the data'):
    t = parsed(data, order='<')
    if isinstance(t, str): raise ValueError(name)
    return t
def other_error(data, name='the data'):
    t = parsed(data)
    if isinstance(t, str): raise IndexError(name)
    return t
def other_error_at_end(data, name='the data'):
    t = parsed(data)
    if isinstance(t, str) and not isinstance(parsed((data+bytes(size_of(data)))[:size_of(data)]), str): raise IndexError(name)
    if isinstance(t, str): raise ValueError(name)
    return t
def nameless(data, name='the data'):
    t = parsed(data)
    if isinstance(t, str): raise ValueError('something is wrong')
    return t

def shifted(t, data):
    "Numbers that begin after the first four bytes, where the header goes on"
    letter,_ = TYPES[data[2]]
    size = struct.calcsize('>'+letter)
    return torch.tensor([struct.unpack_from('>'+letter, data, 4+i*size)[0] for i in range(t.numel())], dtype=t.dtype).view(t.shape)

@check('parse_idx', '00', idx_files, use=use_parse, names=('data', 'name'), same=('parse_idx', 'read_idx', 'get_mnist'), hints=(
    'Begin with the first four bytes: which two must be 0, what does the third tell, and the fourth? `_idx_header`, in the cell above, '
    'reads them and the sizes for you, and refuses what is no header. What is left to compare, and to convert?',
    '`shape,dtype,start,size = _idx_header(data, name)`. Raise a `ValueError` with `name` in it unless `len(data)` is `size`. Then '
    '`np.frombuffer` takes the data, the dtype and the `offset` at which the numbers begin; reshape them, bring the bytes into this '
    'machine\'s order with `astype(dtype.newbyteorder("="))`, and make a tensor of them with `torch.from_numpy`'), mistakes={
    'the bytes of each number are read in the wrong order; in an IDX file the most significant byte comes first, as in the dtype ">i2"':
        as_parsed(lambda t, data: parsed(data, numbers_order='<')),
    'the sizes are read in the wrong byte order; in an IDX file the most significant byte comes first, as in `struct.unpack(">I", ...)`':
        made(use_parse, other_order),
    'the numbers are in one row; give the tensor the shape that the header tells': as_parsed(lambda t, data: t.flatten()),
    'the sizes are in reverse order: the first size in the header is that of the first axis':
        as_parsed(lambda t, data: t.reshape(t.shape[::-1])),
    'the bytes of the sizes are taken for numbers: the header has 4 bytes and 4 more for each axis, and the numbers begin after it':
        as_parsed(shifted),
    'all files are read as uint8; the third byte tells the type, and one number may have several bytes':
        as_parsed(lambda t, data: torch.tensor(list(data[4+4*data[3]:][:t.numel()]), dtype=torch.uint8).view(t.shape)),
    'the numbers are converted to float32; keep the type that the header tells': as_parsed(lambda t, data: t.float()),
    'numbers are left over and nobody notices: compare the length of the data with the one that the header tells':
        careless(lambda data: data[:size_of(data)]),
    'a file that does not begin with two zero bytes is no IDX file, and must be refused': careless(lambda data: b'\0\0'+data[2:]),
    'what is wrong is noticed, but what is raised is no `ValueError`; check the lengths and the type first, and raise it':
        made(use_parse, other_error),
    'a wrong length is noticed, but what is raised is no `ValueError`; compare it with that of the header, and raise it':
        made(use_parse, other_error_at_end),
    'the message of the `ValueError` does not say which data it is about; put `name` into it': made(use_parse, nameless)})
def tensor_in(data, name=None): return parsed(data)

# write_idx

CODES = {dtype: code for code,(_,dtype) in TYPES.items()}

def to_write():
    "Names of files, and tensors of all types, also transposed and without numbers; then types that an IDX file can't have"
    yield 'a.idx',torch.tensor([1,2,3], dtype=torch.uint8)
    yield 'a.idx',torch.tensor([[1,2,3],[4,5,255]], dtype=torch.uint8)
    for code,numbers in NUMBERS.items():
        t = torch.tensor(numbers, dtype=TYPES[code][1])
        yield 'a.idx',t[:2]
        yield 'a.idx.gz',t.view(3,2)
        yield 'a.idx',t.view(2,3).t()
    yield 'a.idx',torch.arange(8, dtype=torch.int16)[::2]
    for shape in ((300,), (2,3,4), (1,1,1), (0,), (0,3)):
        yield 'a.idx',torch.arange(math.prod(shape)).remainder(200).to(torch.uint8).view(shape)
    yield 'numbers.gz',torch.tensor([7], dtype=torch.uint8)
    for dtype in (torch.int64, torch.bool, torch.float16): yield 'a.idx',torch.ones(2, dtype=dtype)

def told_of(data):
    "The parts of an IDX file, in hexadecimal"
    n = 4+4*data[3] if len(data)>3 else 4
    return {'the first four bytes': data[:4].hex(' '), 'the sizes': data[4:n].hex(' ', 4), 'the numbers': data[n:].hex(' ')}

def use_write(f, name, t):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/name
        path.write_bytes(b'old')
        try: f(path if t.ndim<2 else str(path), t)
        except TypeError:
            if t.dtype in CODES: raise
            return WRONG_TYPE
        found = sorted(o.name for o in Path(folder).iterdir())
        if found!=[name]: return f'the files {", ".join(found)}'
        data = path.read_bytes()
        packed = data[:2]==b'\x1f\x8b'
        return {'whether the file is gzipped': packed} | told_of(gzip.decompress(data) if packed else data)

def written(t, sizes='>', numbers='>', code=None, axes=None):
    "The bytes of `t`, number by number, or with a mistake"
    code = code or CODES[t.dtype]
    letter = TYPES[CODES[t.dtype]][0]
    values = t.flatten().tolist()
    shape = (axes or tuple)(t.shape)
    return bytes([0, 0, code, len(shape)]) + struct.pack(f'{sizes}{len(shape)}I', *shape) + struct.pack(f'{numbers}{len(values)}{letter}',
        *values)

def writing(data=written, pack=lambda path: path.endswith('.gz'), check=True):
    "The mistake of a file with these bytes"
    def wrong(path, t):
        if t.dtype not in CODES: raise TypeError(t.dtype) if check else KeyError(t.dtype)
        Path(path).write_bytes(gzip.compress(data(t)) if pack(str(path)) else data(t))
    return made(use_write, wrong)

@check('write_idx', '00', to_write, use=use_write, names=('name', 't'), same=('write_idx',), hints=(
    'What are the first four bytes, and how many bytes has each size? Write the header for a tensor of shape (2,3) by hand, then look '
    'at how `IDX_TYPES` goes from a code to a type, where you need the way back',
    '`struct.pack` with `>HBB` and an `I` for each axis makes the header of 0, the code, the number of axes and the sizes. The numbers '
    'are `t.numpy().astype(IDX_TYPES[code]).tobytes()`, where the code comes from a dict of the dtypes. A dtype without a code is a '
    '`TypeError`. Write both with `write_bytes`, through `gzip.compress` if the name ends in .gz'), mistakes={
    'the bytes of each number are in the order of this machine; an IDX file has the most significant one first, as NumPy\'s dtype ">i2"':
        writing(lambda t: written(t, numbers='<')),
    'the sizes are written with the least significant byte first; IDX wants the most significant one first, as in `struct.pack(">I", n)`':
        writing(lambda t: written(t, sizes='<')),
    'the third byte is the code of the type, and it is 0x08 only for uint8': writing(lambda t: written(t, code=0x08)),
    'the sizes are in reverse order: that of the first axis comes first': writing(lambda t: written(t, axes=lambda o: tuple(o)[::-1])),
    'the header is missing: two zero bytes, the type, the number of axes, and the size of each axis':
        writing(lambda t: written(t)[4+4*t.ndim:]),
    'a name that ends in .gz asks for a gzipped file': writing(pack=lambda path: False),
    'every file is gzipped; only a name that ends in .gz asks for it': writing(pack=lambda path: True),
    'a type without a code, such as int64, should raise a `TypeError` that says which types there are': writing(check=False)})
def file_wanted(name, t):
    if t.dtype not in CODES: return WRONG_TYPE
    return {'whether the file is gzipped': name.endswith('.gz')} | told_of(written(t))

# rows of digits

class Digits:
    "A few digits, as `Mnist` keeps them"
    def __init__(self, n, n_test=2, seed=0):
        def images(n): return torch.randint(256, (n,28,28), generator=g, dtype=torch.uint8)
        g = rng(seed)
        self.x_train,self.x_test = images(n),images(n_test)
        self.y_train,self.y_test = (torch.randint(10, (o,), generator=g) for o in (n, n_test))
        self.source = 'sample'
    def __repr__(self): return f'{len(self.y_train)} digits to train on, {len(self.y_test)} to test on'

def digits():
    "Digits, a scale, how many to put aside"
    yield Digits(6),
    yield Digits(6, seed=1),1/255,2
    yield Digits(6, seed=2),1/256
    yield Digits(5, seed=3),1.,4
    yield Digits(13, 3),
    yield Digits(2, 1),0.5,1
    yield Digits(30, 1),1/255,29
    yield Digits(18, 5, seed=4),1/256,None

def wrong_cuts():
    "Numbers of images to put aside that leave nothing"
    for n in (0, 6, 7, -1): yield Digits(6),1/255,n
    yield Digits(5),

NAMES = ('x_train', 'y_train', 'x_valid', 'y_valid', 'x_test', 'y_test')

def named_parts(parts, data, before):
    "What came, by name, and whether the digits have stayed as they were"
    if not isinstance(parts, (tuple, list)) or len(parts) not in (4, 6): return parts
    same = all(torch.equal(a, b) for a,b in zip(before, (data.x_train, data.x_test)))
    return dict(zip(NAMES, parts)) | ({} if same else {'the images': 'changed'})

def use_arrays(f, data, *args):
    before = data.x_train.clone(),data.x_test.clone()
    try: return named_parts(f(data, *args), data, before)
    except ValueError:
        if isinstance(arrays_wanted(data, *args), dict): raise
        return REFUSED

def use_splits(f, data, *args):
    before = data.x_train.clone(),data.x_test.clone()
    pairs = f(data, *args)
    if not isinstance(pairs, (tuple, list)) or len(pairs)!=3 or any(len(o)!=2 for o in pairs): return pairs
    return named_parts([o for pair in pairs for o in pair], data, before)

def rows(images, scale): return torch.stack([o.reshape(-1) for o in images]).double().mul(scale).float()

def arrays(rows=rows, cut=lambda n, n_valid: n-n_valid, valid=True, sixth=lambda n: n//6, fixed=False, checks=True, test=rows,
           order=lambda o: o):
    def parts(data, scale=1/255, n_valid=None):
        n = len(data.y_train)
        n_valid = sixth(n) if n_valid is None or fixed else n_valid
        if checks and not 0<n_valid<n: raise ValueError(n_valid)
        at = cut(n, n_valid)
        x,y = rows(data.x_train, scale),data.y_train
        return order([x[:at], y[:at], x[at:], y[at:]]),[test(data.x_test, scale), data.y_test]
    return parts

def arrays_with(**kw):
    def wrong(*args): return tuple(arrays(**kw)(*args)[0])
    return made(use_arrays, wrong)

def splits_with(choose=lambda train, test: (train[:2], train[2:], test), **kw):
    def wrong(*args): return tuple(tuple(o) for o in choose(*arrays(**kw)(*args)))
    return made(use_splits, wrong)

def all_digits():
    yield from digits()
    yield from wrong_cuts()

def first_valid(o): return [o[2], o[3], o[0], o[1]]

@check('mnist_arrays', '00', all_digits, use=use_arrays, names=('data', 'scale', 'n_valid'), same=('mnist_arrays', 'mnist_splits'),
       hints=(
    'What shape have the images, and what shape the rows? How many images are left to train on if `n_valid` of `n` are put aside, and '
    'which numbers of images make no sense?',
    'Take a sixth, `n//6`, where `n_valid` is `None`, and raise a `ValueError` unless it lies between 0 and `n`. `_as_rows`, below, '
    'flattens and scales. Cut rows and labels at `n-n_valid`: what comes before is to train on, the rest to validate on'), mistakes={
    'the *first* images are put aside; the docstring asks for the last ones':
        arrays_with(cut=lambda n, n_valid: n_valid, order=first_valid),
    'the pixels are not scaled: multiply them by `scale`': arrays_with(rows=lambda images, scale: rows(images, 1)),
    'the pixels are divided by `scale`; multiply by it': arrays_with(rows=lambda images, scale: rows(images, 1/scale)),
    '`scale` makes no difference here; it is what every pixel is multiplied by':
        arrays_with(rows=lambda images, scale: rows(images, 1/255)),
    '`n_valid` makes no difference here; it is how many images are put aside': arrays_with(fixed=True),
    'each image is still a square; make a row of 784 numbers of it, `.flatten(1)`':
        arrays_with(rows=lambda images, scale: rows(images, scale).view(-1,28,28)),
    'the rows are float64; use `.float()` for float32': arrays_with(rows=lambda images, scale: images.flatten(1).double()*scale),
    'the two parts are swapped: the part put aside, `n_valid` images, is the one to validate on': arrays_with(order=first_valid),
    'the order of the results is wrong: `x_train, y_train, x_valid, y_valid`': arrays_with(order=lambda o: [o[0], o[2], o[1], o[3]]),
    'where `n_valid` is left out, a sixth is put aside, rounded down: `n//6`': arrays_with(sixth=lambda n: n//5),
    'where `n_valid` is left out, a sixth is put aside, rounded down; nothing is to be rounded up': arrays_with(sixth=lambda n: -(-n//6)),
    'a number to put aside that leaves no image to train on, or none to validate on, should raise a `ValueError`':
        arrays_with(checks=False)})
def arrays_wanted(data, scale=1/255, n_valid=None):
    n = len(data.y_train)
    n_valid = n//6 if n_valid is None else n_valid
    if not 0<n_valid<n: return REFUSED
    x = rows(data.x_train, scale)
    return dict(zip(NAMES, (x.narrow(0, 0, n-n_valid), data.y_train.narrow(0, 0, n-n_valid), x.narrow(0, n-n_valid, n_valid),
                            data.y_train.narrow(0, n-n_valid, n_valid))))

@check('mnist_splits', '00', digits, use=use_splits, names=('data', 'scale', 'n_valid'), same=('mnist_splits',), hints=(
    'Two of the three pairs come from `mnist_arrays`. What must be done to the test images, so that they are like the others?',
    '`mnist_arrays(data, scale, n_valid)` gives four tensors; put them into two pairs. The third is `_as_rows` of `data.x_test`, with '
    'the same `scale`, and `data.y_test`'), mistakes={
    'the test images are not scaled; the model learns on scaled ones, so treat all three sets alike':
        splits_with(test=lambda images, scale: rows(images, 1)),
    'the test images are still squares; treat them like those to train on': 
        splits_with(test=lambda images, scale: rows(images, scale).view(-1,28,28)),
    'the pairs to validate on and to test on are swapped': splits_with(lambda train, test: (train[:2], test, train[2:])),
    'the test digits are among those to train on or to validate on; the last pair is `data.x_test` and `data.y_test`':
        splits_with(lambda train, test: (train[:2], test, test)),
    'in a pair the rows come first, and then the labels': splits_with(lambda train, test: (train[1::-1], train[:1:-1], test[::-1])),
    'each pair holds rows and labels of one set; here rows are with rows, and labels with labels':
        splits_with(lambda train, test: (train[::2], train[1::2], test)),
    '`scale` or `n_valid` is not passed on': splits_with(fixed=True)})
def splits_wanted(data, scale=1/255, n_valid=None):
    return arrays_wanted(data, scale, n_valid) | {'x_test': rows(data.x_test, scale), 'y_test': data.y_test}
