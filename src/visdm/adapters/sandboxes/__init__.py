"""Running strangers' scripts on secret data (DESIGN section 8, promise 2).

`Bubblewrap` is the sandbox; `BareProcess` has the same contract and no walls, for a
provider who says `--unsafe`. Both stage a job in a hidden folder inside the output folder,
run `python -m visdm.compute JOB-FILE`, watch the whole tree of processes, and hand over what
it made only after every process of it is gone.

Covered by `Bubblewrap`, with tests in `tests/attacks` (walls) and `tests/ports/sandbox`
(limits and results):

- no network: own net namespace, empty but for a loopback of its own; the host's loopback
  and abstract sockets are not in it;
- files: a read-only root with the interpreter, its libraries, the installed packages, this
  package and the job's inputs. Writable are the output folder, /tmp and /dev/shm: mounts
  in memory of the job's own (`rooms`), the latter two of a quarter of the memory limit each, the
  output of its cap and a page for each file. The kernel refuses more, in deleted files too;
  nothing in them runs or is loaded as code; nothing of them is ever on the disk until the
  job has ended well;
- processes: own pid, ipc, uts, user and cgroup namespaces, so the host's cannot be seen or
  signalled; all of the job's die with it, and with the provider;
- system calls: a filter lets those through that the programs need (`calls`), on x86-64 and
  aarch64, and none of another processor. Not among them: namespaces, mounts, keyrings,
  bpf, io_uring, tracing, sockets other than those between the job's own processes;
- privileges: an account of its own for each job where the provider is root, otherwise the
  provider's; no capabilities, no new privileges, no further user namespaces;
- nothing of the provider's environment, no open files of it;
- limits: wall time, and a time on processors that the kernel keeps although the provider sleeps;
  memory of the whole tree, with what is in the writable folders; tasks, bytes and number
  of output files, size of any one file, open files, size of the log, size of the answer. Where a
  control group can be had (`group`) the kernel counts memory and tasks itself: what it holds
  for pipes and sockets, and what comes and goes between two looks (`INTERVAL`);
- what comes back: plain files with plain names only, never followed through a link; an
  answer that is a JSON object of finite numbers; public reasons from a fixed list
  (`visdm.adapters.sandboxes.reasons`), everything else in the log, which is the
  provider's.

Not covered, so far:

- holes of the kernel in the calls that are let through;
- without a control group, memory that the kernel holds for pipes and sockets is not counted,
  and a burst between two looks can pass the limit before the tree is killed. The host's
  out-of-memory killer picks the job first. A file in /dev/shm that is mapped counts twice
  then. Version 2 of control groups is used by its documentation alone: where this was tried,
  memory was version 1's;
- where only bubblewrap may mount (AppArmor on some distributions, for a provider that is
  not root) the folders are not noexec, the output is on the disk and bounded by looking
  alone, and what /tmp and /dev/shm hold unmapped is not counted;
- what a job writes in memory may be swapped out by the host;
- the share of the processors that a job takes until its deadline;
- on kernels before 5.14 a provider that is not root shares its count of processes with the
  job; a provider that is not root also shares its uid with it, outside the walls;
- /proc/self/mountinfo shows the host's paths of what is bound, /proc the host's processor,
  memory and uptime;
- for root, inputs that not everybody may read are copied for the time of the job;
- exit code, choice of reason and timing of progress can carry a few bits out;
- no GPU is passed in.
"""

from visdm.adapters.sandboxes.bare import BareProcess
from visdm.adapters.sandboxes.bubblewrap import Bubblewrap
from visdm.adapters.sandboxes.staging import log_of

__all__ = ["BareProcess", "Bubblewrap", "log_of"]
