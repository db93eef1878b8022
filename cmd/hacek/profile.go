//go:build profile

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
)

// profiled writes a CPU profile of the whole life of the program to a file in the temporary directory, and returns
// what ends it. `make profile` merges such files into default.pgo, by which the compiler optimises.
func profiled() (stop func()) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("hacek-%d.pprof", os.Getpid()))
	file, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "no profile:", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}
}
