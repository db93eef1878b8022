package store

import (
	"fmt"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// rawDB is a connection to SQLite without database/sql between: the batches' statements are small and many, and
// the driver's boxing of arguments costs as much as the work itself. One goroutine at a time may use it.
type rawDB struct {
	tls *libc.TLS
	db  uintptr
	// Texts and blobs are copied here for the time of one statement, because SQLite reads memory that Go's
	// collector does not know of.
	scratch uintptr
	used    int
	extra   []uintptr
	pair    uintptr // two ints for answers
	pages   int64   // written so far
	all     []*rawStmt
}

const scratchSize = 64 << 10

// memory is an address of SQLite's heap, which Go's collector neither moves nor frees.
func memory(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// rawError is SQLite's extended result code with its message.
type rawError struct {
	code int
	text string
}

func (e *rawError) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.text, e.code) }

func openRaw(path string) (*rawDB, error) {
	r := &rawDB{tls: libc.NewTLS()}
	name, err := libc.CString(path)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(r.tls, name)
	r.scratch = libc.Xmalloc(r.tls, scratchSize)
	handle := libc.Xmalloc(r.tls, 8)
	r.pair = libc.Xmalloc(r.tls, 8)
	if r.scratch == 0 || handle == 0 || r.pair == 0 {
		return nil, fmt.Errorf("open %s: out of memory", path)
	}
	defer libc.Xfree(r.tls, handle)
	rc := sqlite3.Xsqlite3_open_v2(r.tls, name, handle, sqlite3.SQLITE_OPEN_READWRITE|sqlite3.SQLITE_OPEN_NOMUTEX, 0)
	r.db = *(*uintptr)(memory(handle))
	if rc != sqlite3.SQLITE_OK {
		err := r.failed(rc)
		r.close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	sqlite3.Xsqlite3_extended_result_codes(r.tls, r.db, 1)
	return r, nil
}

func (r *rawDB) failed(rc int32) error {
	return &rawError{code: int(rc), text: libc.GoString(sqlite3.Xsqlite3_errmsg(r.tls, r.db))}
}

func (r *rawDB) close() {
	for _, st := range r.all {
		sqlite3.Xsqlite3_finalize(r.tls, st.p)
	}
	if r.db != 0 {
		sqlite3.Xsqlite3_close_v2(r.tls, r.db)
	}
	libc.Xfree(r.tls, r.scratch)
	libc.Xfree(r.tls, r.pair)
	r.tls.Close()
}

// exec runs a statement that is needed once.
func (r *rawDB) exec(text string) error {
	st, err := r.prepare(text)
	if err != nil {
		return err
	}
	defer r.finish(st)
	for {
		row, err := st.step()
		if err != nil || !row {
			return err
		}
	}
}

// finish drops a statement that was prepared last.
func (r *rawDB) finish(st *rawStmt) {
	r.all = r.all[:len(r.all)-1]
	sqlite3.Xsqlite3_finalize(r.tls, st.p)
}

// written is how many pages this connection has ever written to the log.
func (r *rawDB) written() int64 {
	sqlite3.Xsqlite3_db_status(r.tls, r.db, sqlite3.SQLITE_DBSTATUS_CACHE_WRITE, r.pair, r.pair+4, 1)
	r.pages += int64(*(*int32)(memory(r.pair)))
	return r.pages
}

// changes is how many rows the last statement touched.
func (r *rawDB) changes() int { return int(sqlite3.Xsqlite3_changes(r.tls, r.db)) }

// inTransaction is false again after an error that made SQLite roll back by itself.
func (r *rawDB) inTransaction() bool { return sqlite3.Xsqlite3_get_autocommit(r.tls, r.db) == 0 }

// rawStmt is a prepared statement. The order is: bind each argument, run (or step and read), and reset.
type rawStmt struct {
	r   *rawDB
	p   uintptr
	err error // of binding, told by the next step
}

func (r *rawDB) prepare(text string) (*rawStmt, error) {
	sql, err := libc.CString(text)
	if err != nil {
		return nil, err
	}
	defer libc.Xfree(r.tls, sql)
	out := libc.Xmalloc(r.tls, 8)
	defer libc.Xfree(r.tls, out)
	if rc := sqlite3.Xsqlite3_prepare_v3(r.tls, r.db, sql, -1, sqlite3.SQLITE_PREPARE_PERSISTENT, out, 0); rc != sqlite3.SQLITE_OK {
		return nil, fmt.Errorf("prepare %q: %w", text, r.failed(rc))
	}
	st := &rawStmt{r: r, p: *(*uintptr)(memory(out))}
	r.all = append(r.all, st)
	return st, nil
}

func (st *rawStmt) bound(rc int32) {
	if rc != sqlite3.SQLITE_OK && st.err == nil {
		st.err = st.r.failed(rc)
	}
}

func (st *rawStmt) int(i int, v int64) {
	st.bound(sqlite3.Xsqlite3_bind_int64(st.r.tls, st.p, int32(i), v))
}

func (st *rawStmt) null(i int) { st.bound(sqlite3.Xsqlite3_bind_null(st.r.tls, st.p, int32(i))) }

func (st *rawStmt) text(i int, v string) {
	p := st.r.room(len(v))
	copy(unsafe.Slice((*byte)(memory(p)), len(v)), v)
	st.bound(sqlite3.Xsqlite3_bind_text(st.r.tls, st.p, int32(i), p, int32(len(v)), 0))
}

func (st *rawStmt) blob(i int, v []byte) {
	p := st.r.room(len(v))
	copy(unsafe.Slice((*byte)(memory(p)), len(v)), v)
	st.bound(sqlite3.Xsqlite3_bind_blob(st.r.tls, st.p, int32(i), p, int32(len(v)), 0))
}

// room finds n bytes that live until the reset.
func (r *rawDB) room(n int) uintptr {
	if r.used+n+8 <= scratchSize {
		p := r.scratch + uintptr(r.used)
		r.used += (n + 7) &^ 7
		return p
	}
	p := libc.Xmalloc(r.tls, uint64(n+1))
	if p == 0 {
		panic("BUG: no memory for a statement's argument")
	}
	r.extra = append(r.extra, p)
	return p
}

// step moves to the next row.
func (st *rawStmt) step() (bool, error) {
	if st.err != nil {
		return false, st.err
	}
	switch rc := sqlite3.Xsqlite3_step(st.r.tls, st.p); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, st.r.failed(rc)
	}
}

func (st *rawStmt) reset() {
	sqlite3.Xsqlite3_reset(st.r.tls, st.p)
	st.err = nil
	st.r.used = 0
	for _, p := range st.r.extra {
		libc.Xfree(st.r.tls, p)
	}
	st.r.extra = st.r.extra[:0]
}

// run executes a statement that returns no rows.
func (st *rawStmt) run() error {
	_, err := st.step()
	st.reset()
	return err
}

// runWith binds numbers, texts, blobs and nil in order and runs.
func (st *rawStmt) runWith(values []any) error {
	for i, v := range values {
		switch v := v.(type) {
		case int64:
			st.int(i+1, v)
		case string:
			st.text(i+1, v)
		case []byte:
			if v == nil {
				st.null(i + 1)
				continue
			}
			st.blob(i+1, v)
		default:
			panic(fmt.Sprintf("BUG: cannot bind a %T", v))
		}
	}
	return st.run()
}

func (st *rawStmt) getInt(i int) int64 {
	return sqlite3.Xsqlite3_column_int64(st.r.tls, st.p, int32(i))
}

func (st *rawStmt) getBlob(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(st.r.tls, st.p, int32(i))
	n := int(sqlite3.Xsqlite3_column_bytes(st.r.tls, st.p, int32(i)))
	if p == 0 || n == 0 {
		return nil
	}
	out := make([]byte, n)
	copy(out, unsafe.Slice((*byte)(memory(p)), n))
	return out
}

func (st *rawStmt) getText(i int) string { return string(st.getBlob(i)) }
