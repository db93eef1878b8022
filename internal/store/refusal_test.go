package store

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hacek/internal/hub"
)

func TestO2_AServerIsJudgedByWhatItIs(t *testing.T) {
	for _, c := range []struct {
		facts serverFacts
		want  string
	}{
		{serverFacts{version: 150000, fsync: "on"}, ""},
		{serverFacts{version: 180002, fsync: "on"}, ""},
		{serverFacts{version: 140021, fsync: "on"}, "PostgreSQL 14.21"},
		{serverFacts{version: 90624, fsync: "on"}, "PostgreSQL 9.624"},
		{serverFacts{version: 160000, fsync: "off"}, "fsync = off"},
	} {
		err := c.facts.refuse()
		if c.want == "" && err != nil || c.want != "" && (hub.CodeOf(err) != hub.Invalid || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.facts, err, c.want)
		}
	}
}

func TestO2_NetworkFileSystemsAreRefused(t *testing.T) {
	for _, c := range []struct {
		magic int64
		want  string
	}{
		{unix.NFS_SUPER_MAGIC, "NFS"}, {unix.SMB_SUPER_MAGIC, "SMB"}, {unix.SMB2_SUPER_MAGIC, "SMB2"}, {unix.CIFS_SUPER_MAGIC, "CIFS"},
		{unix.FUSE_SUPER_MAGIC, "FUSE"}, {unix.CEPH_SUPER_MAGIC, "Ceph"}, {unix.V9FS_MAGIC, "9P"}, {unix.AFS_SUPER_MAGIC, "AFS"},
		{unix.EXT4_SUPER_MAGIC, ""}, {unix.XFS_SUPER_MAGIC, ""}, {unix.BTRFS_SUPER_MAGIC, ""}, {unix.TMPFS_MAGIC, ""}, {unix.OVERLAYFS_SUPER_MAGIC, ""},
	} {
		if name, yes := networkSystem(c.magic); name != c.want || yes != (c.want != "") {
			t.Errorf("%#x: %q, want %q", c.magic, name, c.want)
		}
	}
	if err := refuseNetwork(t.TempDir()); err != nil {
		t.Errorf("this machine's own disk: %v", err)
	}
}
