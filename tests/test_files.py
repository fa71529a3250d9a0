"Writers that are killed, meet others or fill the disk; mirrors and caches that fail: nothing half-written or unverified is ever used."
import errno, gzip, inspect, os, socket, subprocess, sys, tempfile, threading, time
from pathlib import Path
from types import SimpleNamespace
import pytest, torch
from hypothesis import given, strategies as st
from conftest import go, start, wait_for
from fastfound import datasets
from fastfound import files as files_module
from fastfound.datasets import URLs, get_mnist, untar_data, write_idx
from fastfound.files import FileInfo, atomic_write, fastfound_home, fetch, gunzip, gunzip_start
from fastfound.weights import write_state

pytestmark = pytest.mark.not_numerical

def names(folder): return sorted(o.name for o in folder.iterdir())

def test_path_or_string(tmp_path):
    for path in (tmp_path/'new folder'/'a.txt', str(tmp_path/'b.txt')):
        with atomic_write(path) as temporary: temporary.write_text('whole')
        assert Path(path).read_text()=='whole'
    assert names(tmp_path)==['b.txt', 'new folder'] and names(tmp_path/'new folder')==['a.txt']

def test_keeps_the_suffix(tmp_path):
    "So that functions that look at it write what they should"
    with atomic_write(tmp_path/'a.png') as temporary: assert temporary.name=='a.png' and temporary.write_text('a picture')

@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt, SystemExit, RuntimeError])
def test_failure_changes_nothing(tmp_path, error):
    (tmp_path/'a').write_text('old')
    with pytest.raises(error, match='^mine$'):
        with atomic_write(tmp_path/'a') as temporary:
            temporary.write_text('half')
            raise error('mine')
    assert (tmp_path/'a').read_text()=='old' and names(tmp_path)==['a']

def test_link_stays_a_link(tmp_path):
    (tmp_path/'elsewhere').mkdir()
    (tmp_path/'link').symlink_to(tmp_path/'elsewhere'/'a')
    for text in ('first', 'second'):
        with atomic_write(tmp_path/'link') as temporary: temporary.write_text(text)
        assert (tmp_path/'link').is_symlink() and (tmp_path/'elsewhere'/'a').read_text()==text

@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no named pipes here')
def test_devices_are_not_replaced(tmp_path):
    "An output path like /dev/null must not turn into a file"
    os.mkfifo(tmp_path/'pipe')
    with pytest.raises(OSError, match="got a device or a pipe, wanted a file or folder: '.*pipe'"):
        with atomic_write(tmp_path/'pipe') as temporary: temporary.write_text('')
    assert (tmp_path/'pipe').is_fifo()

def test_errors_name_the_file(tmp_path):
    (tmp_path/'folder').mkdir()
    (tmp_path/'folder'/'a').touch()
    for name,block in (('folder', lambda o: o.write_text('')), ('new', lambda o: None), ('new', lambda o: (o/'below').write_text(''))):
        with pytest.raises(OSError, match='so nothing was written') as e:
            with atomic_write(tmp_path/name) as temporary: block(temporary)
        assert e.value.filename==str(tmp_path/name) and '.part' not in str(e.value)
    assert names(tmp_path)==['folder']

def test_errors_about_other_files_stay_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError) as e:
        with atomic_write(tmp_path/'a'): (tmp_path/'source').read_text()
    assert e.value.filename==str(tmp_path/'source') and not names(tmp_path)

def test_it_is_short():
    assert len(inspect.getsource(atomic_write).partition('"\n')[2].splitlines())<=15

# Full disks

@pytest.mark.parametrize('about', [(), ('{temporary}',)])
def test_full_disk(tmp_path, about):
    with pytest.raises(OSError, match='No space left on device, so nothing was written') as e:
        with atomic_write(tmp_path/'a') as temporary:
            raise OSError(errno.ENOSPC, 'No space left on device', *(o.format(temporary=temporary) for o in about))
    assert e.value.errno==errno.ENOSPC and e.value.filename==str(tmp_path/'a') and e.value.__suppress_context__ and not names(tmp_path)

@pytest.fixture
def small_disk():
    "A disk of one megabyte, where the system lets us have one"
    folder = Path(tempfile.mkdtemp())  # not pytest's own folder, which other runs of pytest tidy up
    try:
        mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]
        mounted = sys.platform.startswith('linux') and subprocess.run(mount, capture_output=True).returncode==0
        if not mounted: pytest.skip("can't make a small disk here")
        yield folder
        subprocess.run(['umount', '-l', folder], check=True)
    finally: folder.rmdir()

def write_bytes(path):
    with atomic_write(path) as temporary: temporary.write_bytes(bytes(4*10**6))

def write_array(path):
    with atomic_write(path) as temporary: torch.zeros(10**6).numpy().tofile(temporary)

def write_tensor(path): write_state(path, 'weights', weights={'w': torch.zeros(10**6)})

@pytest.mark.parametrize('write', [write_bytes, write_array, write_tensor])
def test_disk_that_really_fills_up(small_disk, write):
    "Python, NumPy and PyTorch tell it in three ways, one of them no OSError; here it is always one that names the file"
    with atomic_write(small_disk/'a') as temporary: temporary.write_text('old')
    with pytest.raises(OSError, match='nothing was written') as e: write(small_disk/'a')
    assert str(small_disk/'a') in str(e.value) and '.part' not in str(e.value)
    assert (small_disk/'a').read_text()=='old' and names(small_disk)==['a']

# Killed writers, and living ones

WRITER = '''
import sys
from fastfound.files import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text('half')
    print('writing', flush=True)
    sys.stdin.readline()
'''
def writer(path):
    "A process that is in the middle of writing `path`, and ends when it gets a line"
    p = subprocess.Popen([sys.executable, '-c', WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline()=='writing\n'
    return p

def write(path):
    with atomic_write(path) as temporary: temporary.write_text('whole')

def test_killed_and_living_writers(tmp_path):
    "The next writer of the same path removes what a killed one left a day ago; what is younger may belong to a living one, which ends well"
    (tmp_path/'a').write_text('old')
    killed,living = writer(tmp_path/'a'),writer(tmp_path/'a')
    killed.kill()
    killed.communicate()
    assert (tmp_path/'a').read_text()=='old' and len(list(tmp_path.glob('.a.*.part')))==2
    write(tmp_path/'a')
    write(tmp_path/'b')
    assert (tmp_path/'a').read_text()=='whole' and len(list(tmp_path.glob('.a.*.part')))==2
    living.communicate('\n')
    assert living.returncode==0 and (tmp_path/'a').read_text()=='half'
    left, = tmp_path.glob('.a.*.part')
    os.utime(left, (0,0))
    write(tmp_path/'b')
    assert left.exists()
    write(tmp_path/'a')
    assert names(tmp_path)==['a', 'b']

def test_folders_of_others_stay(tmp_path):
    for name in ('.mine.part', '.b.part', '.bc.1.part', 'b.1.part'):
        (tmp_path/name).mkdir()
        os.utime(tmp_path/name, (0,0))
    (tmp_path/'.b.1.part').touch()  # a file is no temporary folder of ours
    os.utime(tmp_path/'.b.1.part', (0,0))
    write(tmp_path/'b')
    assert names(tmp_path)==['.b.1.part', '.b.part', '.bc.1.part', '.mine.part', 'b', 'b.1.part']

def test_a_writer_inside_a_writer(tmp_path):
    "The last to finish wins"
    with atomic_write(tmp_path/'a') as outer:
        outer.write_text('outer')
        with atomic_write(tmp_path/'a') as inner: inner.write_text('inner')
        assert (tmp_path/'a').read_text()=='inner'
    assert (tmp_path/'a').read_text()=='outer' and names(tmp_path)==['a']

def test_many_writers_of_one_path(tmp_path):
    "None fails, and what is read is always one of the texts, whole"
    path,errors,over = tmp_path/'a',[],threading.Event()
    def write(i):
        try:
            for _ in range(40):
                with atomic_write(path) as temporary: temporary.write_text(f'{i}'*20_000)
        except BaseException as e: errors.append(e)
    def read():
        try:
            while not over.is_set():
                if path.exists():
                    text = path.read_text()
                    assert len(text)==20_000 and len(set(text))==1
        except BaseException as e: errors.append(e)
    reader,writers = threading.Thread(target=read),[threading.Thread(target=write, args=(i,)) for i in range(8)]
    for t in (reader, *writers): t.start()
    for t in writers: t.join()
    over.set()
    reader.join()
    assert not errors and names(tmp_path)==['a']

# gzip

@given(st.binary(max_size=300), st.integers(0, 400))
def test_start_of_gzip(data, n):
    assert gunzip_start(gzip.compress(data), n)==data[:n] or n==0
    if data[:2]!=b'\x1f\x8b': assert gunzip_start(data, n)==data[:n]

@given(st.binary(max_size=300))
def test_gunzip_any_bytes(data):
    assert gunzip(gzip.compress(data))==data
    for o in (data, b'\x1f\x8b'+data):
        try: gunzip(o, 'name', limit=1000)
        except ValueError as e: assert str(e).startswith('name: got ') and ', wanted ' in str(e)
        assert isinstance(gunzip_start(o, 10), bytes)

def test_bomb_is_not_unpacked():
    bomb = gzip.compress(bytes(10**8))
    with pytest.raises(ValueError, match='got a gzip file of more than 1,000 bytes'): gunzip(bomb, limit=1000)

# Published files

def litter(folder): return [o.name for o in Path(folder).rglob('*') if '.part' in o.name]
def cached(): return sorted(o.name for o in fastfound_home().glob('*ubyte*'))
def all_four(): return sorted(f'{o}.gz' for o in datasets.MNIST_FILES)

# A folder that the user names

@pytest.fixture
def named(files, monkeypatch):
    monkeypatch.setenv('FASTFOUND_DATA', str(files))
    return files

def test_named_folder(named):
    mnist = get_mnist()
    assert (mnist.source, tuple(mnist.x_train.shape), mnist.y_test.dtype) == ('full', (60,28,28), torch.int64)
    for o in named.glob('*.gz'):  # plain files do as well
        o.with_suffix('').write_bytes(gzip.decompress(o.read_bytes()))
        o.unlink()
    assert torch.equal(get_mnist('full').x_train, mnist.x_train)

@pytest.mark.parametrize('source', ['auto', 'full'])
@pytest.mark.parametrize('spoil, message', [
    (lambda p: p.unlink(), 'got no file t10k-images-idx3-ubyte there, wanted it, plain or gzipped'),
    (lambda p: p.write_bytes(b'<!DOCTYPE html>'), "got 15 bytes that begin with b'<!DOCTYPE ht', wanted 15,696 bytes"),
    (lambda p: p.write_bytes(p.read_bytes()[:-9]), 'cut short'),
    (lambda p: write_idx(p, torch.zeros(20,28,28, dtype=torch.uint8)), 't10k-images-idx3-ubyte: got a file with SHA-256 .*, wanted '),
    (lambda p: write_idx(p, torch.zeros(9,28,28, dtype=torch.uint8)), 'got 7,072 bytes that begin with'),
    (lambda p: write_idx(p, torch.zeros(20,28,28, dtype=torch.int16)), 'more than 15,696 bytes')])
def test_named_folder_spoilt(named, spoil, message, source):
    "What the user asked for is used or refused, never replaced by something else"
    spoil(named/'t10k-images-idx3-ubyte.gz')
    with pytest.raises((ValueError, FileNotFoundError), match=message): get_mnist(source)

# Mirrors

def test_fetch_and_cache(mirror, capsys):
    mirror('good')
    assert get_mnist().source=='full'
    assert cached()==all_four() and len(mirror.asked)==4 and not litter(fastfound_home())
    assert get_mnist('full').source=='full'
    assert len(mirror.asked)==4  # from the cache
    assert capsys.readouterr()==('', '')

def impatient(monkeypatch, first, second):
    "Wait so many seconds for a mirror; but for a connection as long as a busy machine takes"
    monkeypatch.setattr(files_module, '_PATIENCE', (first,second))
    monkeypatch.setattr(files_module, '_online', lambda mirrors: True)

FAILS = {'hang_once': 'timed out', 'reset': 'Remote end closed|reset', 'missing': '404', 'unavailable': '503',
         'page': r"got 42 bytes that begin with b'<!DOCTYPE ht', wanted [\d,]+ bytes", 'cut': 'cut short', 'cut_unstated': 'cut short',
         'other': r'got 9 bytes that begin with .*, wanted [\d,]+ bytes', 'same_size': 'got a file with SHA-256 .*, wanted',
         'endless': 'sent more than [0-9,]+ bytes, too many', 'bomb': 'more than|sent more'}

@pytest.mark.parametrize('how', FAILS)
def test_bad_mirror(mirror, how, capsys, monkeypatch):
    "The next one is asked. If all are bad, all reasons are told, the sample serves, and nothing is kept"
    if how=='hang_once': impatient(monkeypatch, 0.5, 0.5)
    url, = mirror(how)
    with pytest.raises(ConnectionError, match=f'no mirror sent train-images-idx3-ubyte: {url}.*{FAILS[how]}'): get_mnist('full')
    assert len(mirror.asked)==(1 if how=='missing' else 2)  # what is gone is not asked for again
    assert get_mnist().source=='sample' and not cached() and not litter(fastfound_home().parent)
    said = capsys.readouterr().err
    assert said.count('\n')==1 and said.startswith('fastfound: using the sample of 5,000 digits')
    if how=='hang_once': impatient(monkeypatch, 1.5, 60)
    mirror(how, 'good')
    assert get_mnist('full').source=='full' and cached()==all_four()

def test_flaky_mirror(mirror):
    "A mirror that is busy is asked a second time"
    mirror('flaky')
    assert get_mnist('full').source=='full' and len(mirror.asked)==8

def test_too_slow(mirror, monkeypatch):
    "A trickle of bytes is no sign of life"
    mirror('slow')
    impatient(monkeypatch, 0.3, 0.3)
    with pytest.raises(ConnectionError, match=r'sent only [\d,]+ bytes in [\d.]+ s'): get_mnist('full')

def test_no_network(files, monkeypatch, capsys):
    "No download is even tried when no host answers, and it takes no longer than three seconds"
    monkeypatch.setattr(files_module, '_PATIENCE', (3,10))
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))  # bound but not listening: refuses at once
        monkeypatch.setenv('FASTFOUND_MIRRORS', f'http://127.0.0.1:{s.getsockname()[1]}/ http://nowhere.invalid/')
        monkeypatch.setattr(files_module, '_download', lambda *args: pytest.fail('tried to download'))
        begin = time.monotonic()
        assert get_mnist().source=='sample' and time.monotonic()-begin<4
        assert 'no network: none of 127.0.0.1' in capsys.readouterr().err
        with pytest.raises(ConnectionError, match='no network'): get_mnist('full')

def test_network_that_swallows_everything(files, monkeypatch):
    "As a firewall does: the name is found, and no connection is ever accepted or refused"
    monkeypatch.setattr(files_module, '_PATIENCE', (0.3,60))
    def swallow(address, timeout):
        time.sleep(timeout)
        raise TimeoutError('timed out')
    monkeypatch.setattr(socket, 'create_connection', swallow)
    begin = time.monotonic()
    assert get_mnist().source=='sample' and time.monotonic()-begin<30

def test_hanging_name_lookup(files, monkeypatch):
    "One thread waits for it, and nobody for the thread"
    over,before = threading.Event(),threading.active_count()
    monkeypatch.setattr(files_module, '_PATIENCE', (0.2,60))
    def hang(*args):
        over.wait(60)
        raise OSError('no such name')
    monkeypatch.setattr(socket, 'create_connection', hang)
    begin = time.monotonic()
    assert get_mnist().source=='sample' and time.monotonic()-begin<30 and threading.active_count()==before+1
    over.set()

# Addresses

UNSAFE = 'http://example.org/', 'ftp://example.org/', 'file:///etc/', 'HTTP://example.org', 'example.org/mnist', 'x'

@pytest.mark.parametrize('url', UNSAFE)
def test_only_encrypted_connections(files, monkeypatch, url):
    "Whatever the user names, without a test that allows more; and before anything is asked"
    monkeypatch.setattr(files_module, '_SCHEMES', ('https',))
    monkeypatch.setattr(socket, 'create_connection', lambda *args, **kw: pytest.fail('touched the network'))
    monkeypatch.setenv('FASTFOUND_MIRRORS', f'https://example.org/ {url}')
    for source in ('auto', 'full'):
        with pytest.raises(ValueError, match=f"fetch: got the address '{url}', wanted one that begins with https://"): get_mnist(source)

def test_https_is_all_that_is_allowed_by_default():
    r = subprocess.run([sys.executable, '-c', 'from fastfound import files; print(files._SCHEMES)'], capture_output=True, text=True)
    assert r.stdout=="('https',)\n", r.stderr

def test_a_mirror_that_passes_us_on_to_an_open_connection(files, monkeypatch):
    class Answer(SimpleNamespace):
        def __enter__(self): return self
        def __exit__(self, *args): pass
        def read1(self, n): pytest.fail('read what came from there')
    monkeypatch.setattr(files_module, '_SCHEMES', ('https',))
    monkeypatch.setattr(files_module, '_online', lambda mirrors: True)
    monkeypatch.setattr(files_module, 'urlopen', lambda request, timeout: Answer(url='http://elsewhere.org/x', headers={}))
    with pytest.raises(ConnectionError, match="got the address 'http://elsewhere.org/x', wanted one that begins with"): get_mnist('full')

def test_published_mirrors_are_encrypted():
    from fastfound import vision
    assert all(o.startswith('https://') for o in (*datasets.MNIST_MIRRORS, *vision.FASHION_MIRRORS, *vision.CIFAR10_MIRRORS))

# Offline, and the cache

def test_offline(mirror, monkeypatch, capsys):
    mirror('good')
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    monkeypatch.setattr(socket, 'create_connection', lambda *args, **kw: pytest.fail('touched the network'))
    assert get_mnist().source=='sample'
    assert 'FASTFOUND_OFFLINE is set' in capsys.readouterr().err
    with pytest.raises(ConnectionError, match='FASTFOUND_OFFLINE is set'): get_mnist('full')
    monkeypatch.undo()

def test_offline_uses_cache(mirror, monkeypatch):
    mirror('good')
    get_mnist('full')
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    assert get_mnist().source=='full'

def test_sample_needs_nothing(mirror):
    assert get_mnist('sample').source=='sample' and not mirror.asked and not fastfound_home().exists()

def test_damaged_cache(mirror, capsys):
    mirror('good')
    get_mnist()
    victim = fastfound_home()/'train-labels-idx1-ubyte.gz'
    victim.write_bytes(victim.read_bytes()[:-3])
    assert get_mnist('full').source=='full' and len(mirror.asked)==5
    assert "the file in the cache can't be used (" in capsys.readouterr().err
    get_mnist('full')
    assert len(mirror.asked)==5  # mended

def test_unknown_source():
    with pytest.raises(ValueError, match="got source 'web', wanted 'auto', 'full' or 'sample'"): get_mnist('web')

def test_a_name_in_gz_is_the_packed_file(mirror, files):
    "Its sum is that of the packed bytes, which come back as they are"
    data = (files/'t10k-labels-idx1-ubyte.gz').read_bytes()
    info = FileInfo(len(data), files_module.hashlib.sha256(data).hexdigest())
    for how in ('good', 'missing'): assert fetch('t10k-labels-idx1-ubyte.gz', mirror(how), info, 'folder')==data
    assert [o.name for o in (fastfound_home()/'folder').iterdir()]==['t10k-labels-idx1-ubyte.gz']
    with pytest.raises(ConnectionError, match='wanted [0-9,]+ bytes'): fetch('t10k-labels-idx1-ubyte.gz', mirror('page'), info)

# Disks

def test_cache_cannot_be_written(mirror, monkeypatch, capsys):
    "The digits are used all the same, and the line says where they could not be kept"
    mirror('good')
    def refuse(*args, **kw): raise PermissionError(errno.EACCES, 'Permission denied', 'some temporary name')
    with monkeypatch.context() as m:
        m.setattr(tempfile, 'mkdtemp', refuse)
        assert get_mnist('full').source=='full'
        err = capsys.readouterr().err
        assert "can't keep train-images-idx3-ubyte in" in err and 'FASTFOUND_HOME names another folder' in err
        with pytest.raises(PermissionError): untar_data(URLs.MNIST_SAMPLE, 'sample')
    get_mnist('full')
    assert cached()==all_four()

def full_disk(write):
    "`write`, on a disk that fills up in the middle of it"
    def f(self, data):
        write(self, data[:len(data)//2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
    return f

def test_full_disk_when_caching(mirror, monkeypatch, capsys):
    mirror('good')
    with monkeypatch.context() as m:
        m.setattr(Path, 'write_bytes', full_disk(Path.write_bytes))
        assert get_mnist('full').source=='full'
    assert 'No space left on device, so nothing was written' in capsys.readouterr().err
    assert not cached() and not litter(fastfound_home())
    get_mnist('full')
    assert cached()==all_four()

# Processes

@pytest.mark.long
def test_two_at_once(mirror, tmp_path):
    "Two processes that fetch the same files, from a slow mirror and then, into another cache, from a fast one"
    urls = mirror('slow', 'good')
    homes = [str(tmp_path/o) for o in ('slow', 'good')]
    both = [start(f'''
        import os
        for url,home in zip({urls}, {homes}):
            os.environ.update(FASTFOUND_MIRRORS=url, FASTFOUND_HOME=home)
            print(get_mnist('full').source)
        ''') for _ in range(2)]
    for p in both: go(p)
    for p in both:
        out,err = p.communicate()
        assert p.returncode==0 and out.split()==['full']*2, err
    for home in map(Path, homes): assert not litter(home) and sorted(o.name for o in home.glob('*ubyte*'))==all_four()

def test_killed_while_fetching(mirror, files):
    mirror('slow')
    p = start("get_mnist('full')")
    go(p)
    wait_for(lambda: len(mirror.asked)>=1)
    time.sleep(0.2)
    p.kill()
    p.communicate()
    assert not cached()
    mirror('good')
    assert get_mnist('full').source=='full' and cached()==all_four()
