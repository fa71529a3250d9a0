"Writers that are killed, meet others, or fill the disk: whoever reads finds the old file or the new one, and nothing else is left."
import errno, gzip, os, subprocess, sys, tempfile, threading
from pathlib import Path
import pytest, torch
from hypothesis import given, strategies as st
from fastfound import files
from fastfound.files import atomic_write, gunzip, gunzip_start

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
    for path,block in ((tmp_path/'folder', lambda o: o.write_text('')), (tmp_path/'new', lambda o: None), (tmp_path/'new', lambda o: (o/'below').write_text(''))):
        with pytest.raises(OSError) as e:
            with atomic_write(path) as temporary: block(temporary)
        assert e.value.filename==str(path) and '.part' not in str(e.value)
    assert names(tmp_path)==['folder']

# Full disks

FULL = 'got a full disk, wanted room to write the whole file, so nothing was written'

def test_full_disk(tmp_path):
    with pytest.raises(OSError, match=FULL) as e:
        with atomic_write(tmp_path/'a') as temporary: raise OSError(errno.ENOSPC, 'No space left on device', str(temporary))
    assert e.value.errno==errno.ENOSPC and e.value.filename==str(tmp_path/'a') and e.value.__suppress_context__ and not names(tmp_path)

def test_full_disk_as_torch_tells_it(tmp_path, monkeypatch):
    "`torch.save` raises a RuntimeError that says nothing of disks"
    with pytest.raises(RuntimeError, match='unexpected pos'):
        with atomic_write(tmp_path/'a'): raise RuntimeError('unexpected pos 576 vs 534')
    usage = files.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(files.shutil, 'disk_usage', lambda path: usage._replace(free=0))
    with pytest.raises(OSError, match=FULL):
        with atomic_write(tmp_path/'a'): raise RuntimeError('unexpected pos 576 vs 534')

@pytest.fixture
def small_disk():
    "A disk of one megabyte, where the system lets us have one"
    folder = Path(tempfile.mkdtemp())  # not pytest's own folder, which other runs of pytest tidy up
    try:
        if not sys.platform.startswith('linux') or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], capture_output=True).returncode: pytest.skip("can't make a small disk here")
        yield folder
        subprocess.run(['umount', '-l', folder], check=True)
    finally: folder.rmdir()

@pytest.mark.parametrize('save', [lambda path: torch.save(torch.zeros(10**6), path), lambda path: path.write_bytes(bytes(4*10**6)), lambda path: torch.zeros(10**6).numpy().tofile(path)])
def test_disk_that_really_fills_up(small_disk, save):
    with atomic_write(small_disk/'a') as temporary: temporary.write_text('old')
    with pytest.raises(OSError, match=FULL):
        with atomic_write(small_disk/'a') as temporary: save(temporary)
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

def test_killed_and_living_writers(tmp_path):
    "What a killed process left goes at the next write, however young; what a living one writes stays, however old"
    killed,living = writer(tmp_path/'a'),writer(tmp_path/'a')
    killed.kill()
    killed.communicate()
    parts = list(tmp_path.glob('.a.*.part'))
    assert len(parts)==2
    for o in [*parts, *tmp_path.rglob('*')]: os.utime(o, (0,0))  # 1970: age must not matter
    with atomic_write(tmp_path/'b') as temporary: temporary.write_text('whole')
    left, = tmp_path.glob('.a.*.part')
    assert (left/'a').read_text()=='half'
    living.communicate('\n')
    assert living.returncode==0 and (tmp_path/'a').read_text()=='half' and names(tmp_path)==['a', 'b']

def test_folders_of_others_stay(tmp_path):
    (tmp_path/'.mine.part').mkdir()
    (tmp_path/'.mine.part'/'a').touch()
    (tmp_path/'.file.part').touch()
    with atomic_write(tmp_path/'b') as temporary: temporary.touch()
    assert names(tmp_path)==['.file.part', '.mine.part', 'b']

def test_where_locks_are_not_supported(tmp_path, monkeypatch):
    "Writing works all the same, and nothing is taken for abandoned"
    monkeypatch.setattr(files, '_lock', lambda file: None)
    with atomic_write(tmp_path/'a') as outer:
        outer.write_text('outer')
        with atomic_write(tmp_path/'a') as inner: inner.write_text('inner')
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
