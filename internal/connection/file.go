package connection

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// file finds the SQLite file a DSN names: a path, absolute or relative, that lies below Options.Dir once every symbolic
// link is followed, and that is none of the hub's own files by whatever name.
func (o Options) file(path string) (string, error) {
	const hint = "put the file below the folder of connections (--connections-dir)"
	if o.Dir == "" {
		return "", dsnProblem("set --connections-dir", "there is no folder for SQLite files of connections")
	}
	if path == "" || strings.ContainsRune(path, 0) || strings.HasPrefix(path, "file:") || path == ":memory:" {
		return "", dsnProblem(sqliteShape, "the DSN is no path of a file")
	}
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", missing(path, err)
	}
	named := Options{Dir: dir}.named(path)
	real, err := filepath.EvalSymlinks(named)
	if errors.Is(err, fs.ErrNotExist) {
		// What is not there may still be said to lie in the wrong place.
		if folder, err := filepath.EvalSymlinks(filepath.Dir(named)); err == nil && !below(dir, filepath.Join(folder, "x")) {
			return "", dsnProblem(hint, "%s lies outside of the folder of connections", shown(path))
		}
	}
	if err != nil {
		if rel := filepath.Clean(named); !below(dir, rel) {
			return "", dsnProblem(hint, "%s lies outside of the folder of connections", shown(path))
		}
		return "", missing(path, err)
	}
	if !below(dir, real) {
		return "", dsnProblem(hint, "%s lies outside of the folder of connections", shown(path))
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", missing(path, err)
	}
	if !info.Mode().IsRegular() {
		return "", dsnProblem(sqliteShape, "%s is no file", shown(path))
	}
	own, err := o.own(dir, real, info)
	if err != nil {
		return "", missing(path, err)
	}
	if own {
		return "", dsnProblem(hint, "%s is a file of the hub itself", shown(path))
	}
	return real, nil
}

// named is the path with the folder of connections before it, links not followed.
func (o Options) named(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.Dir, path)
}

// own reports whether the file is one of the hub's, or the same file by another name (a hard link). What belongs to a
// database of SQLite (-wal, -shm, -journal) is refused with it; of a folder, everything but the folder of connections.
func (o Options) own(dir, file string, info fs.FileInfo) (bool, error) {
	for _, refused := range o.Refuse {
		for _, name := range []string{refused, refused + "-wal", refused + "-shm", refused + "-journal"} {
			if real, err := filepath.EvalSymlinks(name); err == nil {
				name = real
			}
			if abs, err := filepath.Abs(name); err == nil && abs == file {
				return true, nil
			}
			found := false
			err := filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
				switch {
				case errors.Is(err, fs.ErrNotExist):
					return nil
				case err != nil:
					return err
				case entry.IsDir() && path == dir:
					return fs.SkipDir
				case entry.IsDir():
					return nil
				}
				if other, err := entry.Info(); err == nil && os.SameFile(info, other) {
					found = true
					return fs.SkipAll
				}
				return nil
			})
			if found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}

// below reports whether a path lies in a folder, at any depth. Both are clean and absolute.
func below(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

func missing(path string, err error) *Error {
	e := errorf(Away, "the file %s cannot be found or read", shown(path)).hint("put it into the folder of connections (--connections-dir; without that, connections in the data directory), or correct the path in the DSN")
	e.cause = err
	return e
}
