"""A model of a GPU that runs blocks of threads of PTX, one after another in any order, with numpy. Those of a cluster run in turns.

What is modelled is what the PTX ISA says: lanes and registers of mma and ldmatrix by its tables (written down here once more, apart from the
compiler's), asynchronous copies that arrive when they are waited for, and barriers. It fails on what hardware leaves undefined: accesses that are not
aligned or out of bounds, shared memory that is read before a barrier or while a copy is under way, results that several threads store to or read with
no barrier between, warps that are not whole at mma. Whether threads and blocks meet counts, and not in which order they happen to run here. Registers that
a thread has not set hold what they please. Sums of products in mma are exact here, and rounded once; hardware rounds them in its own way.
"""

import re

import numpy as np
from ptx_numbers import FLOATS, INTEGERS, Fault, bf16, bits_e4m3, f32, halves
from ptx_races import Uses
from ptx_warp import WarpOperations


# Of shared memory, what a block may have, in units of 1024 bytes. The CUDA C++ programming guide has a table by compute capability.
SHARED = {"sm_75": 64, "sm_80": 163, "sm_86": 99, "sm_87": 163, "sm_89": 99, "sm_120": 99, "sm_121": 99}
SHARED_OF_OTHERS = 227


class Kernel:
    """One entry of a PTX module."""

    def __init__(self, text, name):
        text = re.sub(r"//[^\n]*", "", text)
        match = re.search(r"\.entry\s+" + re.escape(name) + r"\s*\(([^)]*)\)([^{]*)\{", text)
        if not match:
            raise Fault(f"no kernel {name}")
        target = re.search(r"\.target\s+(sm_\d+)", text)
        self.shared_bytes = 1024 * SHARED.get(target and target.group(1), SHARED_OF_OTHERS)
        self.params = [p.split()[-1] for p in match.group(1).split(",") if p.strip()]
        threads = re.search(r"\.(?:req|max)ntid\s+(\d+)", match.group(2))
        self.threads = int(threads.group(1)) if threads else None
        cluster = re.search(r"\.reqnctapercluster\s+(\d+), (\d+), (\d+)", match.group(2))
        self.cluster = [int(size) for size in cluster.groups()] if cluster else [1, 1, 1]
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        self.code, self.labels, self.targets = [], {}, {}
        body = text[match.end() : end - 1]
        for statement in re.split(r";|(?<=:)\s", body):
            statement = statement.strip(" \t\n{}" if statement.strip().startswith(("{", "}")) else None)
            while True:
                label = re.match(r"([$\w]+):\s*", statement)
                if not label:
                    break
                self.labels[label.group(1)] = len(self.code)
                statement, last = statement[label.end() :], label.group(1)
            if statement.startswith(".branchtargets"):
                self.targets[last] = [target.strip() for target in statement.split(None, 1)[1].split(",")]
            if not statement or statement.startswith("."):
                continue
            guard = re.match(r"@(!?)(%\w+)\s+", statement)
            if guard:
                statement = statement[guard.end() :]
            opcode, *rest = statement.split(None, 1)
            operands = re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*", rest[0] if rest else "")
            operands = [o.strip() for o in operands]
            self.code.append((opcode, operands, (guard.group(2), guard.group(1) == "!") if guard else None))
        self.meet = self.find_meeting_points()

    def find_meeting_points(self):
        """For each branch that some threads of a warp may take: where all of them meet again, or None. That is where hardware waits for them."""
        leaders = sorted({0, *self.labels.values(), *(i + 1 for i, c in enumerate(self.code) if c[0].startswith(("bra", "brx", "ret", "exit")))})
        leaders = [l for l in leaders if l < len(self.code)]
        ends = dict(zip(leaders, leaders[1:] + [len(self.code)]))
        successors = {}
        for leader, end in ends.items():
            opcode, operands, guard = self.code[end - 1]
            following = []
            if opcode.startswith("bra"):
                following.append(self.labels[operands[0]])
            if opcode.startswith("brx"):
                following += [self.labels[target] for target in self.targets[operands[1]]]
            if not opcode.startswith(("bra", "brx", "ret", "exit")) or guard:
                following.append(end if end < len(self.code) else None)
            successors[leader] = [f for f in following if f is not None] or [-1]
        # Blocks that every way to the end goes through.
        after = {leader: set(leaders) | {-1} for leader in leaders}
        after[-1] = {-1}
        changed = True
        while changed:
            changed = False
            for leader in reversed(leaders):
                new = {leader} | set.intersection(*(after[s] for s in successors[leader]))
                changed |= new != after[leader]
                after[leader] = new
        meet = {}
        for leader, end in ends.items():
            if self.code[end - 1][0].startswith("brx") or self.code[end - 1][0].startswith("bra") and self.code[end - 1][2]:
                others = after[leader] - {leader}
                # The nearest one is the one that all others come after.
                nearest = [o for o in others if others <= after[o]]
                meet[end - 1] = nearest[0] if nearest and nearest[0] != -1 else None
        return meet


class Block(WarpOperations):
    """The threads of one block."""

    SHARED = 1024
    # An address of a cluster has the rank of the block, plus 1, above that.
    RANK_BITS = 20

    def __init__(self, kernel, args, buffers, block, grid, shared_bytes, uses, rng):
        self.kernel, self.buffers = kernel, buffers
        # Uses of buffers that are stored to, by all blocks of the grid; and which of those this one is.
        self.uses, self.rng = uses, rng
        self.block_number = int(np.ravel_multi_index(block, grid))
        self.count = n = kernel.threads
        self.special = {
            "%tid.x": np.arange(n, dtype=np.uint64),
            "%tid.y": np.zeros(n, np.uint64),
            "%tid.z": np.zeros(n, np.uint64),
            "%laneid": np.arange(n, dtype=np.uint64) % np.uint64(32),
            "%ntid.x": np.full(n, n, np.uint64),
        }
        for axis, at, size in zip("xyz", block, grid):
            self.special["%ctaid." + axis] = np.full(n, at, np.uint64)
            self.special["%nctaid." + axis] = np.full(n, size, np.uint64)
        self.args = dict(zip(kernel.params, args))
        self.regs = {}
        self.shared = np.zeros(shared_bytes, np.uint8)
        self.is_set = np.zeros(shared_bytes, bool)
        self.pending = np.zeros(shared_bytes, np.int32)
        self.epoch = 1
        self.writer = np.full(shared_bytes, -1, np.int64)
        self.write_epoch = np.zeros(shared_bytes, np.int64)
        self.reader = np.full(shared_bytes, -1, np.int64)  # -2: several
        self.read_epoch = np.zeros(shared_bytes, np.int64)
        self.copies = []
        self.commits = np.zeros(n, np.int64)
        self.executed = {}
        # Blocks of the cluster by rank, this one too; and since when, and of which places, others may read this one's shared memory.
        self.peers, self.is_done = [self], False
        self.cluster_epoch = 1
        self.read_by_others = np.zeros(shared_bytes, bool)

    # Operands

    def read(self, operand, idx, width=64):
        if operand in self.regs:
            return self.regs[operand][idx]
        if operand in self.special:
            return self.special[operand][idx]
        if operand.startswith("%"):
            raise Fault(f"{operand} is read before it is set")
        count = len(idx)
        if re.fullmatch(r"0[fF][0-9a-fA-F]{8}", operand):
            return np.full(count, int(operand[2:], 16), np.uint64)
        if re.fullmatch(r"0[xX][0-9a-fA-F]+(U)?", operand):
            return np.full(count, int(operand.rstrip("U"), 16), np.uint64)
        if re.fullmatch(r"-?\d+", operand):
            return np.full(count, int(operand) % (1 << 64), np.uint64)
        if operand == "true" or operand == "false":
            return np.full(count, operand == "true")
        # The only symbol is that of shared memory.
        return np.full(count, self.SHARED, np.uint64)

    def write(self, operand, idx, value):
        if operand == "_":
            return
        value = np.asarray(value)
        if operand not in self.regs:
            if len(idx) == self.count:
                self.regs[operand] = np.empty(self.count, bool if value.dtype == bool else np.uint64)
            elif value.dtype == bool:
                self.regs[operand] = self.rng.integers(0, 2, self.count).astype(bool)
            else:
                self.regs[operand] = self.rng.integers(0, 1 << 16, self.count, dtype=np.uint64)
        self.regs[operand][idx] = value

    def address(self, operand, idx):
        inner = operand[1:-1]
        match = re.fullmatch(r"([^+]+?)\s*(?:\+\s*(-?\d+))?", inner.strip())
        return self.read(match.group(1).strip(), idx) + np.uint64(int(match.group(2) or 0) % (1 << 64))

    # Memory

    def global_bytes(self, addresses, size, what):
        if np.any(addresses % np.uint64(size)):
            raise Fault(f"{what}: global address is not aligned to {size}")
        which = (addresses >> np.uint64(32)).astype(np.int64) - 1
        offset = (addresses & np.uint64(0xFFFFFFFF)).astype(np.int64)
        for w in np.unique(which):
            if not 0 <= w < len(self.buffers):
                raise Fault(f"{what}: no buffer at {addresses[which == w][0]:#x}")
            if np.any(offset[which == w] + size > len(self.buffers[w])):
                raise Fault(f"{what}: buffer {w} ends at {len(self.buffers[w])}, not {offset[which == w].max() + size}")
        return which, offset

    def load_global(self, addresses, idx, size, what):
        which, offset = self.global_bytes(addresses, size, what)
        out = np.zeros((len(addresses), size), np.uint8)
        for w in np.unique(which):
            rows = which == w
            places = offset[rows, None] + np.arange(size)
            if self.uses[w]:
                self.uses[w].load(self, places, idx[rows])
            out[rows] = self.buffers[w][places]
        return out

    def shared_places(self, addresses, size, what):
        if np.any(addresses % np.uint64(size)):
            raise Fault(f"{what}: shared address is not aligned to {size}")
        offset = addresses.astype(np.int64) - self.SHARED
        if np.any(offset < 0) or np.any(offset + size > len(self.shared)):
            raise Fault(f"{what}: shared memory ends at {len(self.shared)}, not {offset.max() + size} (from {offset.min()})")
        return offset[:, None] + np.arange(size)

    def load_shared(self, addresses, idx, size, what, by_warp=False):
        places = self.shared_places(addresses, size, what)
        if np.any(self.pending[places]):
            raise Fault(f"{what}: reads what is still being copied")
        if not np.all(self.is_set[places]):
            raise Fault(f"{what}: reads shared memory that is not set")
        others = self.writer[places] != idx[:, None]
        if np.any((others | by_warp) & (self.write_epoch[places] == self.epoch)):
            raise Fault(f"{what}: reads what was written since the last barrier")
        again = (self.read_epoch[places] == self.epoch) & (self.reader[places] != idx[:, None])
        self.reader[places] = np.where(again | by_warp, -2, idx[:, None])
        # Several threads of this access may read one place.
        unique, counts = np.unique(places, return_counts=True)
        self.reader[unique[counts > 1]] = -2
        self.read_epoch[places] = self.epoch
        return self.shared[places]

    def load_cluster(self, addresses, size, what):
        ranks = (addresses >> np.uint64(self.RANK_BITS)).astype(np.int64) - 1
        out = np.zeros((len(addresses), size), np.uint8)
        for rank in np.unique(ranks):
            if not 0 <= rank < len(self.peers):
                raise Fault(f"{what}: no block {rank} in the cluster")
            peer, lanes = self.peers[rank], ranks == rank
            if peer.is_done:
                raise Fault(f"{what}: block {rank} of the cluster is gone")
            places = peer.shared_places(addresses[lanes] & np.uint64((1 << self.RANK_BITS) - 1), size, what)
            if np.any(peer.pending[places]) or not np.all(peer.is_set[places]):
                raise Fault(f"{what}: reads shared memory of another block that is not set")
            if np.any(peer.write_epoch[places] >= peer.cluster_epoch):
                raise Fault(f"{what}: reads what another block wrote since the cluster waited")
            peer.read_by_others[places] = True
            out[lanes] = peer.shared[places]
        return out

    def check_write(self, places, idx, what):
        if np.any(self.read_by_others[places]):
            raise Fault(f"{what}: writes what other blocks read")
        if len(np.unique(places)) != places.size:
            raise Fault(f"{what}: threads write one place")
        others = (self.reader[places] != idx[:, None]) & (self.read_epoch[places] == self.epoch)
        others |= (self.writer[places] != idx[:, None]) & (self.write_epoch[places] == self.epoch)
        if np.any(others):
            raise Fault(f"{what}: writes what others use before the next barrier")

    def mark_written(self, places, idx):
        self.writer[places] = idx[:, None]
        self.write_epoch[places] = self.epoch
        self.is_set[places] = True

    # Execution

    def run(self, limit=10_000_000):
        """Runs it, yielding where all threads wait for the cluster."""
        code, labels, kernel_meet = self.kernel.code, self.kernel.labels, self.kernel.meet
        pc = np.zeros(self.count, np.int64)
        waiting = np.zeros(self.count, bool)
        done = np.zeros(self.count, bool)
        everyone = np.arange(self.count)
        # Threads that took other ways wait where these meet: the place, those who come there, and what each of them waits for after that.
        meetings, inner = {}, np.full(self.count, -1)
        blocked = np.zeros(self.count, bool)
        arrived, in_cluster = np.zeros(self.count, bool), np.zeros(self.count, bool)
        number = 0

        def arrive():
            while True:
                held = inner[~(blocked | done)]
                for key in np.unique(held[held >= 0]):
                    place, members, _ = meetings[key]
                    blocked[members & (inner == key) & (pc == place) & ~(waiting | in_cluster)] = True
                complete = [k for k, (_, members, _) in meetings.items() if (blocked | done)[members].all() and (inner[members] == k).all()]
                if not complete:
                    return
                for key in complete:
                    _, members, before = meetings.pop(key)
                    inner[members] = before[members]
                    blocked[members] = False

        for _ in range(limit):
            if meetings:
                arrive()
            runnable = ~(waiting | done | blocked | in_cluster)
            if not runnable.any():
                if done.all():
                    if self.read_by_others.any():
                        raise Fault("a block ends while others of the cluster may read its shared memory")
                    self.is_done = True
                    return
                if in_cluster.all():
                    yield
                    arrived[:], in_cluster[:] = False, False
                    continue
                if not waiting.any() or done.any() or blocked.any() or in_cluster.any():
                    raise Fault("threads wait at a barrier that others never reach")
                if np.any(pc.reshape(-1, 32) != pc[::32, None]):
                    raise Fault("threads of a warp wait at different barriers")
                waiting[:] = False
                self.epoch += 1
                continue
            at = pc[runnable].min()
            idx = np.nonzero(runnable & (pc == at))[0] if not (pc == at).all() or not runnable.all() else everyone
            opcode, operands, guard = code[at]
            pc[idx] = at + 1
            went = idx
            if guard:
                idx = idx[self.regs[guard[0]][idx].astype(bool) ^ guard[1]]
            elif opcode.startswith("brx"):
                to = np.array([labels[target] for target in self.kernel.targets[operands[1]]])[self.read(operands[0], idx).astype(np.int64)]
            parts = opcode.startswith("brx") and (to != to[0]).any() or opcode.startswith("bra") and 0 < len(idx) < len(went)
            if parts and kernel_meet[at] is not None:
                members = np.zeros(self.count, bool)
                members[went] = True
                meetings[number] = (kernel_meet[at], members, inner.copy())
                inner[went] = number
                number += 1
            if not len(idx):
                continue
            self.executed[opcode] = self.executed.get(opcode, 0) + len(idx) / 32
            if opcode.startswith("brx"):
                pc[idx] = to
            elif opcode.startswith("bra"):
                pc[idx] = labels[operands[0]]
            elif opcode in ("ret", "exit"):
                done[idx] = True
            elif opcode.startswith("bar.warp.sync"):
                self.whole_warps(idx)
            elif opcode.startswith(("bar.sync", "barrier.sync")):
                if operands != ["0"]:
                    raise Fault(f"{opcode} {', '.join(operands)}: expected the barrier of all threads")
                waiting[idx] = True
            elif opcode.startswith("barrier.cluster.arrive"):
                if "relaxed" in opcode or arrived[idx].any():
                    raise Fault(f"{opcode}: expected one that nobody waits for yet, and that orders what was written before")
                arrived[idx] = True
            elif opcode.startswith("barrier.cluster.wait"):
                if not arrived[idx].all():
                    raise Fault(f"{opcode}: waits without having arrived")
                in_cluster[idx] = True
            else:
                try:
                    self.execute(opcode, operands, idx)
                except Fault as fault:
                    raise Fault(f"{opcode} {', '.join(operands)}: {fault}") from None
        raise Fault("too many steps")

    def execute(self, opcode, operands, idx):
        parts = opcode.split(".")
        handler = getattr(self, "op_" + parts[0], None)
        if handler is None:
            raise Fault("no model of this instruction")
        handler(parts, operands, idx)

    @staticmethod
    def width(parts):
        for part in reversed(parts):
            match = re.fullmatch(r"[busf](\d+)(x2)?|bf16(x2)?", part)
            if match:
                if part.endswith("x2"):
                    return 32
                return int(match.group(1) or 16)
        raise Fault("no type")

    def signed(self, value, width):
        shift = np.uint64(64 - width)
        return (value << shift).view(np.int64) >> np.int64(64 - width)

    def mask(self, value, width):
        return value if width == 64 else value & np.uint64((1 << width) - 1)

    def number(self, operand, idx, kind):
        """An integer operand, as numpy integers of 64 bits."""
        return self.number_of(self.read(operand, idx), kind)

    def number_of(self, value, kind):
        width = int(kind[1:])
        return self.signed(value, width) if kind[0] == "s" else self.mask(value, width)

    def op_mov(self, parts, ops, idx):
        if parts[-1] == "pred":
            return self.write(ops[0], idx, self.read(ops[1], idx).astype(bool))
        width = self.width(parts)
        if ops[0].startswith("{"):
            pieces = [p.strip() for p in ops[0][1:-1].split(",")]
            value, step = self.read(ops[1], idx), width // len(pieces)
            for i, piece in enumerate(pieces):
                self.write(piece, idx, self.mask(value >> np.uint64(i * step), step))
        elif ops[1].startswith("{"):
            pieces = [p.strip() for p in ops[1][1:-1].split(",")]
            step, value = width // len(pieces), np.zeros(len(idx), np.uint64)
            for i, piece in enumerate(pieces):
                value = value | (self.mask(self.read(piece, idx), step) << np.uint64(i * step))
            self.write(ops[0], idx, value)
        else:
            self.write(ops[0], idx, self.mask(self.read(ops[1], idx), width))

    def op_ld(self, parts, ops, idx):
        width = self.width(parts)
        count = next((int(p[1:]) for p in parts if re.fullmatch(r"v\d", p)), 1)
        if "param" in parts:
            name, _, offset = ops[1][1:-1].partition("+")
            if offset:
                raise Fault("parameters are whole")
            return self.write(ops[0], idx, np.full(len(idx), self.args[name.strip()] % (1 << 64), np.uint64))
        size = width // 8 * count
        addresses = self.address(ops[1], idx)
        if "shared" in parts:
            data = self.load_shared(addresses, idx, size, "load")
        elif "shared::cluster" in parts:
            data = self.load_cluster(addresses, size, "load")
        elif "global" in parts:
            data = self.load_global(addresses, idx, size, "load")
        else:
            raise Fault("no such memory")
        names = [p.strip() for p in ops[0].strip("{}").split(",")]
        data = data.reshape(len(idx), count, width // 8)
        for i, name in enumerate(names):
            value = np.zeros(len(idx), np.uint64)
            for byte in range(width // 8):
                value |= data[:, i, byte].astype(np.uint64) << np.uint64(8 * byte)
            if parts[-1][0] == "s":
                value = self.signed(value, width).view(np.uint64)
            self.write(name, idx, value)

    def op_st(self, parts, ops, idx):
        width = self.width(parts)
        names = [p.strip() for p in ops[1].strip("{}").split(",")]
        size = width // 8 * len(names)
        data = np.zeros((len(idx), size), np.uint8)
        for i, name in enumerate(names):
            value = self.read(name, idx)
            for byte in range(width // 8):
                data[:, i * width // 8 + byte] = (value >> np.uint64(8 * byte)).astype(np.uint8)
        addresses = self.address(ops[0], idx)
        if "shared" in parts:
            places = self.shared_places(addresses, size, "store")
            if np.any(self.pending[places]):
                raise Fault("writes what is still being copied")
            self.check_write(places, idx, "store")
            self.shared[places] = data
            self.mark_written(places, idx)
        elif "global" in parts:
            which, offset = self.global_bytes(addresses, size, "store")
            for w in np.unique(which):
                rows = which == w
                if not self.buffers[w].flags.writeable:
                    raise Fault(f"stores to buffer {w}, which is read only")
                places = offset[rows, None] + np.arange(size)
                self.uses[w].store(self, places, idx[rows])
                self.buffers[w][places] = data[rows]
        else:
            raise Fault("no such memory")

    def op_cp(self, parts, ops, idx):
        if "commit_group" in parts:
            self.commits[idx] += 1
        elif "wait_group" in parts or "wait_all" in parts:
            keep = int(ops[0]) if "wait_group" in parts else 0
            if "wait_all" in parts:
                self.commits[idx] += 1
            limit = np.full(self.count, -1, np.int64)
            limit[idx] = self.commits[idx] - keep
            left = []
            for threads, groups, places, data in self.copies:
                arrived = groups < limit[threads]
                if arrived.any():
                    self.shared[places[arrived]] = data[arrived]
                    self.pending[places[arrived]] -= 1
                    self.mark_written(places[arrived], threads[arrived])
                if not arrived.all():
                    left.append((threads[~arrived], groups[~arrived], places[~arrived], data[~arrived]))
            self.copies = left
        elif "async" in parts:
            size = int(ops[2])
            places = self.shared_places(self.address(ops[0], idx), size, "copy")
            if "cg" in parts and size != 16:
                raise Fault("cp.async.cg copies 16 bytes")
            if np.any(self.pending[places]):
                raise Fault("copies to where a copy is under way")
            self.check_write(places, idx, "copy")
            read = self.mask(self.read(ops[3], idx), 32).astype(np.int64) if len(ops) > 3 else np.full(len(idx), size)
            if np.any((read < 0) | (read > size)):
                raise Fault("size of the source")
            data = np.zeros((len(idx), size), np.uint8)
            sources = self.address(ops[1], idx)
            for amount in np.unique(read):
                rows = read == amount
                if amount == size:
                    data[rows] = self.load_global(sources[rows], idx[rows], size, "copy")
                elif amount:
                    raise Fault("parts of copies are not modelled")
            self.pending[places] += 1
            self.copies.append((idx.copy(), self.commits[idx], places, data))
        else:
            raise Fault("no model of this copy")

    def op_mapa(self, parts, ops, idx):
        rank = self.mask(self.read(ops[2], idx), 32)
        self.write(ops[0], idx, self.read(ops[1], idx) + ((rank + np.uint64(1)) << np.uint64(self.RANK_BITS)))

    def op_dp4a(self, parts, ops, idx):
        x, y = (self.read(o, idx) for o in ops[1:3])
        total = self.number(ops[3], idx, "s32")
        for i in range(4):
            part = lambda value, kind: self.number_of(value >> np.uint64(8 * i), kind[0] + "8")
            total = total + part(x, parts[1]) * part(y, parts[2])
        self.write(ops[0], idx, self.mask(total.view(np.uint64), 32))

    # Bits

    def op_lop3(self, parts, ops, idx):
        a, b, c = (self.mask(self.read(o, idx), 32) for o in ops[1:4])
        table, ones = int(ops[4], 0), np.uint64(0xFFFFFFFF)
        result = np.zeros(len(idx), np.uint64)
        for i in range(8):
            if table >> i & 1:
                pick = lambda v, bit: v if bit else v ^ ones
                result |= pick(a, i >> 2 & 1) & pick(b, i >> 1 & 1) & pick(c, i & 1)
        self.write(ops[0], idx, result)

    def op_prmt(self, parts, ops, idx):
        a, b, sel = (self.mask(self.read(o, idx), 32) for o in ops[1:4])
        both = a | (b << np.uint64(32))
        result = np.zeros(len(idx), np.uint64)
        for i in range(4):
            digit = (sel >> np.uint64(4 * i)) & np.uint64(15)
            byte = (both >> ((digit & np.uint64(7)) * np.uint64(8))) & np.uint64(255)
            sign = np.where(byte >> np.uint64(7), np.uint64(255), np.uint64(0))
            result |= np.where(digit & np.uint64(8), sign, byte) << np.uint64(8 * i)
        self.write(ops[0], idx, result)

    def logic(self, parts, ops, idx, function):
        x, y = self.read(ops[1], idx), self.read(ops[2], idx)
        if parts[-1] == "pred":
            return self.write(ops[0], idx, function(x.astype(bool), y.astype(bool)))
        self.write(ops[0], idx, self.mask(function(x, y), self.width(parts)))

    def op_and(self, *args):
        self.logic(*args, np.bitwise_and)

    def op_or(self, *args):
        self.logic(*args, np.bitwise_or)

    def op_xor(self, *args):
        self.logic(*args, np.bitwise_xor)

    def op_not(self, parts, ops, idx):
        value = self.read(ops[1], idx)
        self.write(ops[0], idx, ~value.astype(bool) if parts[-1] == "pred" else self.mask(~value, self.width(parts)))

    def op_shl(self, parts, ops, idx):
        width, by = self.width(parts), self.mask(self.read(ops[2], idx), 32)
        value = np.where(by >= width, np.uint64(0), self.read(ops[1], idx) << np.minimum(by, np.uint64(63)))
        self.write(ops[0], idx, self.mask(value, width))

    def op_shr(self, parts, ops, idx):
        width, by = self.width(parts), self.mask(self.read(ops[2], idx), 32)
        if parts[-1][0] == "s":
            value = (self.signed(self.read(ops[1], idx), width) >> np.minimum(by, np.uint64(63)).astype(np.int64)).view(np.uint64)
        else:
            value = np.where(by >= width, np.uint64(0), self.mask(self.read(ops[1], idx), width) >> np.minimum(by, np.uint64(63)))
        self.write(ops[0], idx, self.mask(value, width))

    def op_popc(self, parts, ops, idx):
        value = self.mask(self.read(ops[1], idx), self.width(parts))
        self.write(ops[0], idx, sum((value >> np.uint64(i)) & np.uint64(1) for i in range(64)))

    def op_bfe(self, parts, ops, idx):
        width = self.width(parts)
        at, size = (int(o) for o in ops[2:4])
        value = self.mask(self.read(ops[1], idx), width) >> np.uint64(at) & np.uint64((1 << size) - 1)
        if parts[-1][0] == "s":
            value = self.signed(value, size).view(np.uint64)
        self.write(ops[0], idx, self.mask(value, width))

    # Arithmetic

    def arithmetic(self, parts, ops, idx, function):
        kind = parts[-1]
        if kind in ("f16x2", "bf16x2"):
            decode, encode = FLOATS[kind[:-2]]
            sources = [halves(self.read(o, idx)) for o in ops[1:]]
            low, high = (encode(function(*(decode(s[i]).astype(np.float64) for s in sources))) for i in range(2))
            return self.write(ops[0], idx, low | high << np.uint64(16))
        if kind in FLOATS:
            decode, encode = FLOATS[kind]
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                result = function(*(decode(self.read(o, idx)).astype(np.float64) for o in ops[1:]))
            return self.write(ops[0], idx, encode(result))
        with np.errstate(over="ignore"):
            result = function(*(self.number(o, idx, kind) for o in ops[1:]))
        result = result.view(np.uint64) if result.dtype == np.int64 else result.astype(np.uint64)
        self.write(ops[0], idx, self.mask(result, int(kind[1:])))

    def op_add(self, *args):
        self.arithmetic(*args, lambda x, y: x + y)

    def op_sub(self, *args):
        self.arithmetic(*args, lambda x, y: x - y)

    def op_neg(self, *args):
        self.arithmetic(*args, lambda x: -x)

    def op_abs(self, *args):
        self.arithmetic(*args, np.abs)

    def op_min(self, *args):
        self.arithmetic(*args, np.fmin if args[0][-1].startswith(("f", "bf")) else np.minimum)

    def op_max(self, *args):
        nan = "NaN" in args[0]
        self.arithmetic(*args, np.maximum if nan or not args[0][-1].startswith(("f", "bf")) else np.fmax)

    def op_mul(self, parts, ops, idx):
        if parts[1] == "wide":
            kind = parts[-1]
            product = self.number(ops[1], idx, kind) * self.number(ops[2], idx, kind)
            product = product.view(np.uint64) if product.dtype == np.int64 else product
            return self.write(ops[0], idx, self.mask(product, 2 * int(kind[1:])))
        if parts[1] == "hi":
            kind, width = parts[-1], int(parts[-1][1:])
            x, y = (self.number(o, idx, kind).astype(object) for o in ops[1:])
            value = np.array([int(p) >> width for p in x * y], object) & ((1 << width) - 1)
            return self.write(ops[0], idx, value.astype(np.uint64))
        self.arithmetic(parts, ops, idx, lambda x, y: x * y)

    def op_mad(self, parts, ops, idx):
        if parts[1] == "wide":
            kind = parts[-1]
            product = self.number(ops[1], idx, kind) * self.number(ops[2], idx, kind)
            product = product.view(np.uint64) if product.dtype == np.int64 else product
            with np.errstate(over="ignore"):
                return self.write(ops[0], idx, self.mask(product + self.read(ops[3], idx), 2 * int(kind[1:])))
        self.arithmetic(parts, ops, idx, lambda x, y, z: x * y + z)

    def op_fma(self, *args):
        self.arithmetic(*args, lambda x, y, z: x * y + z)

    def op_div(self, parts, ops, idx):
        floats = parts[-1] in FLOATS
        self.arithmetic(parts, ops, idx, (lambda x, y: x / y) if floats else (lambda x, y: x // y))

    def op_rcp(self, *args):
        self.arithmetic(*args, lambda x: 1 / x)

    def op_sqrt(self, *args):
        self.arithmetic(*args, np.sqrt)

    def op_rem(self, *args):
        self.arithmetic(*args, lambda x, y: x % y)

    def op_setp(self, parts, ops, idx):
        kind = parts[-1]
        if kind in FLOATS:
            x, y = (FLOATS[kind][0](self.read(o, idx)).astype(np.float64) for o in ops[1:3])
        else:
            kind = kind.replace("b", "u")
            x, y = (self.number(o, idx, kind) for o in ops[1:3])
        names = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
                 "lo": "less", "ls": "less_equal", "hi": "greater", "hs": "greater_equal"}
        name = parts[1]
        either = name.endswith("u") and name[:-1] in names and parts[-1] in FLOATS
        result = getattr(np, names[name[:-1] if either else name])(x, y) if name not in ("num", "nan") else None
        unordered = np.isnan(x) | np.isnan(y) if parts[-1] in FLOATS else np.zeros(len(idx), bool)
        if name == "nan":
            result = unordered
        elif name == "num":
            result = ~unordered
        elif either:
            result = result | unordered
        else:
            result = result & ~unordered
        self.write(ops[0], idx, result)

    def op_selp(self, parts, ops, idx):
        x, y = self.read(ops[1], idx), self.read(ops[2], idx)
        self.write(ops[0], idx, self.mask(np.where(self.read(ops[3], idx).astype(bool), x, y), self.width(parts)))

    def op_cvt(self, parts, ops, idx):
        to, source = parts[-2], parts[-1]
        if to in ("f16x2", "bf16x2"):
            # "For .f16x2 the first source goes to the upper half."
            encode = FLOATS[to[:-2]][1]
            high, low = (encode(f32(self.read(o, idx)).astype(np.float64)) for o in ops[1:3])
            return self.write(ops[0], idx, low | high << np.uint64(16))
        if to == "e4m3x2" and "satfinite" in parts:
            high, low = (bits_e4m3(f32(self.read(o, idx))) for o in ops[1:3])
            return self.write(ops[0], idx, low | high << np.uint64(8))
        if source in FLOATS and to in FLOATS:
            value = FLOATS[source][0](self.read(ops[1], idx)).astype(np.float64)
            return self.write(ops[0], idx, FLOATS[to][1](INTEGERS.get(parts[1], lambda v: v)(value)))
        if to in FLOATS:
            return self.write(ops[0], idx, FLOATS[to][1](self.number(ops[1], idx, source).astype(np.float64)))
        if source in FLOATS:
            # Numbers out of the range become its ends, and what is not a number 0.
            value = FLOATS[source][0](self.read(ops[1], idx)).astype(np.float64)
            rounded = INTEGERS[parts[1]](np.nan_to_num(value))
            width = int(to[1:])
            low, high = (-(2 ** (width - 1)), 2 ** (width - 1) - 1) if to[0] == "s" else (0, 2**width - 1)
            whole = np.array([min(max(int(v), low), high) % (1 << 64) for v in rounded], np.uint64)
            return self.write(ops[0], idx, self.mask(whole, width))
        value = self.number(ops[1], idx, source)
        value = self.mask(value.view(np.uint64) if value.dtype == np.int64 else value, int(to[1:]))
        if to[0] == "s":
            # "Sign-extended to the destination register width."
            wide = {"%rs": 16, "%rd": 64}.get(ops[0][:3], 32)
            value = self.mask(self.signed(value, int(to[1:])).view(np.uint64), wide)
        self.write(ops[0], idx, value)

    def op_cvta(self, parts, ops, idx):
        self.write(ops[0], idx, self.read(ops[1], idx))


def memref_args(number, shape):
    """What a kernel gets of a buffer: pointers, offset, sizes and strides."""
    base = (number + 1) << 32
    strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    return [base, base, 0, *shape, *strides]


def run_grid(kernel, args, buffers, grid, shared_bytes, seed=0, only=None):
    """Runs all clusters of blocks, or those whose numbers `only` says, in an order that the seed says. Gives instructions executed per warp."""
    rng = np.random.default_rng(seed)
    if any(size % of for size, of in zip(grid, kernel.cluster)):
        raise Fault(f"a grid of {grid} blocks is not made of clusters of {kernel.cluster}")
    if shared_bytes > kernel.shared_bytes:
        raise Fault(f"a block has {shared_bytes} bytes of shared memory, more than {kernel.shared_bytes}")
    clusters = [size // of for size, of in zip(grid, kernel.cluster)]
    executed = {}
    uses = [Uses(len(buffer)) if buffer.flags.writeable else None for buffer in buffers]
    unset = np.random.default_rng(seed)
    for number in rng.permutation(int(np.prod(clusters)) if only is None else only):
        first = [int(at) * of for at, of in zip(np.unravel_index(number, clusters), kernel.cluster)]
        blocks = [
            Block(kernel, args, buffers, (first[0] + x, first[1] + y, first[2] + z), grid, shared_bytes, uses, unset)
            for z in range(kernel.cluster[2]) for y in range(kernel.cluster[1]) for x in range(kernel.cluster[0])
        ]  # fmt: skip
        runs = [block.run() for block in blocks]
        for block in blocks:
            block.peers = blocks
        while runs:
            left = []
            for i in rng.permutation(len(runs)):
                if next(runs[i], runs[i]) is None:
                    left.append(runs[i])
            if left and len(left) != len(blocks):
                raise Fault("blocks wait for others of the cluster that are gone")
            runs = left
            for block in blocks:
                block.epoch += 1
                block.cluster_epoch = block.epoch
                block.read_by_others[:] = False
        for block in blocks:
            for opcode, count in block.executed.items():
                executed[opcode] = executed.get(opcode, 0) + count
    return executed


def launch(text, name, arrays, grid, shared_bytes, writable=(), seed=0):
    """Runs a kernel. `arrays` are the buffers, of which those with a number in `writable` are stored to."""
    kernel = Kernel(text, name)
    args, buffers = [], []
    for number, array in enumerate(arrays):
        array = np.ascontiguousarray(array)
        args += memref_args(number, array.shape)
        view = array.view(np.uint8).reshape(-1) if array.size else np.zeros(0, np.uint8)
        if number not in writable:
            view = view.copy()
            view.flags.writeable = False
        buffers.append(view)
    return run_grid(kernel, args, buffers, grid, shared_bytes, seed)
