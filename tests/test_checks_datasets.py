"Chapter 0: other right ways pass the checks, and wrong ones do not."
import gzip, math, struct
import numpy as np
import pytest, torch
from fastfound.checking import verdict
from test_checks import as_a_readers

SIZES = {8: (torch.uint8, 1), 9: (torch.int8, 1), 11: (torch.int16, 2), 12: (torch.int32, 4), 13: (torch.float32, 4),
         14: (torch.float64, 8)}

def by_bytes(data, name='the data'):
    "Whole numbers of bytes, turned round"
    if len(data)<4 or data[0] or data[1] or data[2] not in SIZES: raise ValueError(f'{name} is no IDX file')
    dtype,size = SIZES[data[2]]
    body = data[4+4*data[3]:]
    shape = [int.from_bytes(data[4+4*i:8+4*i], 'big') for i in range(data[3])]
    if len(data)<4+4*data[3] or len(body)!=size*math.prod(shape): raise ValueError(f'{name} has the wrong length')
    if not body: return torch.zeros(shape, dtype=dtype)
    turned = torch.tensor(list(body), dtype=torch.uint8).view(-1, size).flip(1).contiguous()
    return turned.view(dtype).reshape(shape)

def by_struct(data, name='the data'):
    try:
        zeros,code,ndim = struct.unpack_from('>HBB', data)
        shape = struct.unpack_from(f'>{ndim}I', data, 4)
        letter = {8: 'B', 9: 'b', 11: 'h', 12: 'i', 13: 'f', 14: 'd'}[code]
        numbers = struct.unpack(f'>{math.prod(shape)}{letter}', data[4+4*ndim:])
    except (struct.error, KeyError) as e: raise ValueError(f'{name}: {e}') from None
    if zeros: raise ValueError(f'{name}: got {zeros}, wanted zeros')
    return torch.tensor(numbers, dtype=SIZES[code][0]).reshape(shape)

def by_numpy(data, name='the data'):
    a = np.frombuffer(data, np.uint8)
    if a.size<4 or a[:2].any() or a[2] not in SIZES or a.size<4+4*a[3]: raise ValueError(name)
    end = 4+4*int(a[3])
    shape = a[4:end].view('>u4').astype(int)
    try: return torch.from_numpy(a[end:].copy().view('0 0 0 0 0 0 0 0 u1 i1 . >i2 >i4 >f4 >f8'.split()[a[2]]).reshape(shape).byteswap()
                                 .view(str(SIZES[a[2]][0])[6:]) if a[2]>9 else a[end:].copy().view(('u1', 'i1')[a[2]-8]).reshape(shape))
    except ValueError: raise ValueError(f'{name} has the wrong length') from None

def write_by_struct(path, t):
    codes = {dtype: (code, letter) for (code,(dtype,_)),letter in zip(SIZES.items(), 'Bbhifd')}
    if t.dtype not in codes: raise TypeError(f'{t.dtype} has no code')
    code,letter = codes[t.dtype]
    data = bytes((0, 0, code, t.dim())) + b''.join(n.to_bytes(4, 'big') for n in t.shape) + struct.pack(f'>{t.numel()}{letter}',
        *t.flatten().tolist())
    with (gzip.open if str(path).endswith('.gz') else open)(path, 'wb') as f: f.write(data)

def by_slices(data, scale=1/255, n_valid=None):
    n = data.x_train.shape[0]
    if n_valid is None: n_valid = n//6
    if n_valid<=0 or n_valid>=n: raise ValueError(f'{n_valid} of {n}')
    x = data.x_train.reshape(n, 784)*scale
    return [x[:-n_valid], data.y_train[:-n_valid], x[-n_valid:], data.y_train[-n_valid:]]
def by_split(data, scale=1/255, n_valid=None):
    n = len(data.x_train)
    n_valid = n//6 if n_valid is None else n_valid
    if not 0<n_valid<n: raise ValueError(n_valid)
    (x,xv),(y,yv) = (o.split([n-n_valid, n_valid]) for o in (data.x_train.to(torch.float32).view(-1,784)*scale, data.y_train))
    return x,y,xv,yv
def splits(data, scale=1/255, n_valid=None):
    x,y,xv,yv = by_split(data, scale, n_valid)
    return [x,y],[xv,yv],[data.x_test.view(-1,784)*scale, data.y_test]

@pytest.mark.parametrize('name,f', [('parse_idx', by_bytes), ('parse_idx', by_struct), ('parse_idx', by_numpy),
                                    ('write_idx', write_by_struct),
                                    ('mnist_arrays', by_slices), ('mnist_arrays', by_split), ('mnist_splits', splits)])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

LENGTH = "    if len(data)!=size: raise ValueError(f'{name}: got {len(data):,} bytes, wanted {size:,} for a tensor of shape {shape}')\n"
WRONG = {
    'parse_idx': [(LENGTH, ''), ('len(data)!=size', 'len(data)<size'), ('raise ValueError(f', 'raise IndexError(f'),
                  ('.reshape(shape)', ''), ('.reshape(shape)', '.reshape(shape[::-1])'),
                  ('data, dtype, offset', 'data, dtype.newbyteorder("<"), offset'), (".astype(dtype.newbyteorder('='))", ''),
                  (".astype(dtype.newbyteorder('='))", '.astype(np.float32)'),
                  (".astype(dtype.newbyteorder('='))", '.astype(np.int64)'), ('dtype, offset', 'np.uint8, offset'),
                  ('offset=start', 'offset=4, count=(size-start)//dtype.itemsize'),
                  (LENGTH, LENGTH + "    if shape==(300,): shape = (150,2)\n"), ('{name}: got', 'got'),
                  ('_idx_header(data, name)', "_idx_header(data, '')"),
                  ('_idx_header(data, name)', "_idx_header(b'\\0\\0'+data[2:], name)"), ('return torch', 'torch'),
                  (LENGTH, '    data = data[:size]\n')],
    'write_idx': [('.astype(IDX_TYPES[code])', ''), (">HBB{a.ndim}I", "<HBB{a.ndim}I"), ('*a.shape)', '*a.shape[::-1])'),
                  ('0, code,', '0, 8,'), ('raise TypeError', 'raise ValueError'),
                  ("path.suffix=='.gz'", 'True'), ("path.suffix=='.gz'", 'False'), ('.tobytes()', ".tobytes('F')"),
                  ('code, a.ndim', 'code, 1'), ('path,a = Path(path), t.numpy()', 'a = t.numpy()')],
    'mnist_arrays': [('x[:cut], data.y_train[:cut], x[cut:], data.y_train[cut:]',
                      'x[cut:], data.y_train[cut:], x[:cut], data.y_train[:cut]'), ('n-n_valid', 'n_valid'), ('n//6', 'n//5'),
                     ('data.x_train, scale', 'data.x_train, 1/255'), ('0<n_valid<n', '0<n_valid<=n'), ('0<n_valid<n', '0<=n_valid<n'),
                     ('x[cut:]', 'x[cut+1:]'), ('n//6 if n_valid is None else n_valid', 'n//6'),
                     ('_as_rows(data.x_train, scale)', 'data.x_train.float()*scale'),
                     ('_as_rows(data.x_train, scale)', '_as_rows(data.x_train, scale).double()'),
                     ('_as_rows(data.x_train, scale)', '_as_rows(data.x_train.zero_(), scale)')],
    'mnist_splits': [('(x_valid, y_valid), (_as', '(_as'), ('data.x_test, scale', 'data.x_test, 1.'),
                     ('data, scale, n_valid)', 'data, scale)'), ('data, scale, n_valid)', 'data, n_valid=n_valid)'),
                     ('(x, y), (x_valid, y_valid)', '(x_valid, y_valid), (x, y)'), ('_as_rows(data.x_test, scale)', 'data.x_test*scale'),
                     ('data.y_test)', 'y_valid)')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def test_an_error_on_a_good_file_is_told_as_one():
    def refuses(data, name='the data'): raise ValueError('no')
    v = verdict('parse_idx', refuses)
    assert 'it raises ValueError: no' in v.text and '00 00 08 01 00 00 00 03 01 02 03' in v.text, v.text
