"""Runs an image for ESP32-C3 or ESP32-C6 on a model of the chip, or of as much of it as the station uses.

    machine.py CHIP IMAGE ROM MICROSECONDS SEED [unmasked]

Unicorn executes the instructions, one a microsecond. Where a peripheral is, registers remember what was written; these do
more: timer 0 of group 0, the system timer, the interrupt matrix, DMA channel 0 from memory to memory, and the console.
ROM lists the functions in the chip's ROM, an address and a name a line; those that are not below return 0.

An interrupt comes between any two instructions, wherever SEED lets it, if the program does not mask it. With `unmasked` the
program's masks are taken out, and it should fail. What it prints is printed; a trap ends it.
"""

import random
import re
import sys

from esptool.bin_image import LoadFirmwareImage
from unicorn import UC_ARCH_RISCV, UC_HOOK_CODE, UC_HOOK_INTR, UC_MODE_RISCV32, Uc, UcError
from unicorn import riscv_const as riscv

MIE, MPIE, MPP = 1 << 3, 1 << 7, 3 << 11
ROM, ROM_BYTES = 0x4000_0000, 0x6_0000
DEVICES = (0x2000_0000, 0x10_0000), (0x6000_0000, 0x10_0000)
RETURN, NOP = b"\x82\x80", b"\x13\x00\x00\x00"
ILLEGAL, SYSTEM = 2, 0x73
PATIENCE = 10_000


class C3:
    memories = (0x3C00_0000, 0x80_0000), (0x3FC8_0000, 0x6_0000), (0x4037_C000, 0x6_4000), (0x4200_0000, 0x80_0000)
    timer, system_timer, dma = 0x6001_F000, 0x6002_3000, 0x6003_F000
    console = 0x6004_3000
    # Of the interrupt matrix: which interrupt of the core the timer's is, what is pending, and the core's side.
    route, pending = 0x600C_2080, (0x600C_20FC, 1 << 0)
    enabled, priority, threshold = 0x600C_2104, 0x600C_2114, 0x600C_2194
    descriptors = 0x3FC0_0000
    # Bits that are waited for.
    ready = {timer + 0x68: 1 << 15, system_timer + 0x04: 1 << 29}
    # Of DMA: what is done, as bits, and where it is cleared.
    done = ((0x00, 0x0C, 0b1_0001_1011),)


class C6:
    memories = (0x4080_0000, 0x8_0000), (0x4200_0000, 0x100_0000), (0x5000_0000, 0x4000)
    timer, system_timer, dma = 0x6000_8000, 0x6000_A000, 0x6008_0000
    console = 0x6000_F000
    route, pending = 0x6001_00CC, (0x6001_0138, 1 << 19)
    enabled, priority, threshold = 0x2000_1000, 0x2000_1010, 0x2000_1090
    descriptors = 0x4080_0000
    ready = {timer + 0x68: 1 << 15, system_timer + 0x04: 1 << 29, 0x600A_F818: 1 << 24}
    done = ((0x00, 0x0C, 0b0011), (0x30, 0x3C, 0b1011))


def without_protection(code):
    """Without `csrw pmpcfg...`: of a page of which a part is protected, Unicorn executes nothing."""
    return re.sub(rb"\x73[\x10\x90][\x00-\x3f]\x3a", NOP, code)


def without_mask(code):
    """`csrr rd, mstatus` in place of `csrrci rd, mstatus, 8`."""
    read = lambda found: bytes([found[0][0], found[0][1] & 0x0F | 0x20, 0x00, 0x30])
    return re.sub(rb"[\x73\xf3][\x70-\x7f]\x04\x30", read, code)


class Machine:
    def __init__(self, chip, image, rom, change):
        self.chip, self.rom = chip, rom
        self.now = self.heard = 0  # microseconds, and instructions
        self.period = self.alarm = None
        self.links = {}
        # What they are after a reset, as far as that is not 0: a prescaler of 1, which divides by 2.
        self.registers = {chip.timer: 0x6000_2000}
        self.core = Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
        for start, size in chip.memories:
            self.core.mem_map(start, size)
        self.core.mem_map(ROM, ROM_BYTES)
        self.core.mem_write(ROM, RETURN * (ROM_BYTES // len(RETURN)))
        for start, size in DEVICES:
            self.core.mmio_map(start, size, self.on_read, start, self.on_write, start)
        self.core.hook_add(UC_HOOK_CODE, self.on_rom, None, ROM, ROM + ROM_BYTES - 1)
        self.core.hook_add(UC_HOOK_INTR, self.on_trap)
        for segment in image.segments:
            if segment.addr != 0:
                self.core.mem_write(segment.addr, change(without_protection(segment.data)))
        self.pc = image.entrypoint
        # The bootloader hands over with interrupts on.
        self.core.reg_write(riscv.UC_RISCV_REG_MSTATUS, MPP | MIE)

    def run(self, until):
        while self.now < until:
            # An interrupt that is masked comes as soon as it is not.
            steps = 1 if self.is_pending() else random.randint(1, 64)
            self.core.emu_start(self.pc, 0xFFFF_FFFF, count=steps)
            self.pc = self.core.reg_read(riscv.UC_RISCV_REG_PC)
            self.now += steps
            if self.alarm is not None and self.now >= self.alarm:
                self.alarm += self.period
                self.registers[self.chip.timer + 0x74] = 1
            if not self.is_pending():
                self.heard = self.now
            elif self.now < self.heard + PATIENCE:
                self.interrupt(self.register(self.chip.route) & 31)
            else:
                sys.exit(f"interrupts stay masked at {self.pc:#x}")

    def register(self, address):
        return self.registers.get(address, 0)

    def is_pending(self):
        timer = self.chip.timer
        return self.register(timer + 0x74) & self.register(timer + 0x70) & 1

    def interrupt(self, number):
        status, chip = self.core.reg_read(riscv.UC_RISCV_REG_MSTATUS), self.chip
        enabled = self.register(chip.enabled) >> number & 1
        if not (status & MIE and enabled and self.register(chip.priority + 4 * number) >= self.register(chip.threshold)):
            return
        self.core.reg_write(riscv.UC_RISCV_REG_MEPC, self.pc)
        self.core.reg_write(riscv.UC_RISCV_REG_MCAUSE, 1 << 31 | number)
        self.core.reg_write(riscv.UC_RISCV_REG_MSTATUS, status & ~MIE | MPIE | MPP)
        self.pc = (self.core.reg_read(riscv.UC_RISCV_REG_MTVEC) & ~3) + 4 * number

    def on_read(self, _core, offset, size, start):
        address = start + offset
        value = self.value(address & ~3) >> 8 * (address & 3)
        return value & (1 << 8 * size) - 1

    def value(self, address):
        chip, ticks = self.chip, 16 * self.now
        if address == chip.timer + 0x6C:  # how fast one clock is in periods of the other
            return 0x4000 << 7
        if address == chip.system_timer + 0x40:
            return ticks >> 32
        if address == chip.system_timer + 0x44:
            return ticks & 0xFFFF_FFFF
        if address == chip.pending[0]:
            return chip.pending[1] if self.is_pending() else 0
        return self.register(address) | chip.ready.get(address, 0)

    def on_write(self, _core, offset, size, value, start):
        chip, address = self.chip, start + offset
        shift, mask = 8 * (address & 3), (1 << 8 * size) - 1
        address &= ~3
        value = self.register(address) & ~(mask << shift) | (value & mask) << shift
        self.registers[address] = value
        if address == chip.console:
            print(chr(value & 0xFF), end="")
        elif address == chip.timer:
            self.set_timer(value)
        elif address == chip.timer + 0x7C:
            self.registers[chip.timer + 0x74] = 0
        elif address == chip.dma + 0x80 and value & 1 << 22:
            self.links["to"] = chip.descriptors | value & 0xF_FFFF
        elif address == chip.dma + 0xE0 and value & 1 << 21:
            self.links["from"] = chip.descriptors | value & 0xF_FFFF
        for raw, clear, _ in chip.done:
            if address == chip.dma + clear:
                self.registers[chip.dma + raw] = self.register(chip.dma + raw) & ~value
        if len(self.links) == 2:
            self.copy(self.links.pop("from"), self.links.pop("to"))

    def set_timer(self, configuration):
        runs, prescaler = configuration >> 31, max(configuration >> 13 & 0xFFFF, 2)
        # While it runs it is written again after each alarm, which reloaded the counter already.
        if runs and self.alarm is None:
            self.period = self.register(self.chip.timer + 0x10) * prescaler // 40
            self.alarm = self.now + self.period
        elif not runs:
            self.alarm = None

    def copy(self, source, target):
        """One descriptor each way, as the station has it."""
        flags, address = self.words(source, 2)
        data = self.core.mem_read(address, flags >> 12 & 0xFFF)
        flags, address = self.words(target, 2)
        assert len(data) <= flags & 0xFFF, "the target is too small"
        self.core.mem_write(address, bytes(data))
        flags = flags & 0xFFF | len(data) << 12 | 1 << 30
        self.core.mem_write(target, flags.to_bytes(4, "little"))
        for raw, _, bits in self.chip.done:
            self.registers[self.chip.dma + raw] = bits

    def words(self, address, count):
        data = self.core.mem_read(address, 4 * count)
        return [int.from_bytes(data[at : at + 4], "little") for at in range(0, 4 * count, 4)]

    def on_rom(self, core, address, _size, _):
        a = [core.reg_read(riscv.UC_RISCV_REG_A0 + number) for number in range(4)]
        result = self.call(self.rom.get(address, ""), a, a[0] | a[1] << 32, a[2] | a[3] << 32)
        core.reg_write(riscv.UC_RISCV_REG_A0, result & 0xFFFF_FFFF)
        core.reg_write(riscv.UC_RISCV_REG_A1, result >> 32 & 0xFFFF_FFFF)

    def call(self, name, a, first, second):
        read = lambda address: bytes(self.core.mem_read(address, a[2]))
        match name:
            case "__udivdi3":
                return first // second
            case "__umoddi3":
                return first % second
            case "memset":
                self.core.mem_write(a[0], bytes([a[1] & 0xFF]) * a[2])
                return a[0]
            case "memcpy" | "memmove":
                self.core.mem_write(a[0], read(a[1]))
                return a[0]
            case "memcmp":
                one, other = read(a[0]), read(a[1])
                return (one > other) - (one < other)
            case "rtc_get_reset_reason":
                return 1
            case "uart_tx_one_char":
                print(chr(a[0] & 0xFF), end="")
        return 0

    def on_trap(self, core, number, _):
        """Registers of the chip's own, which Unicorn does not have, read as 0. Any other trap is the end."""
        pc = core.reg_read(riscv.UC_RISCV_REG_PC)
        (instruction,) = self.words(pc, 1)
        if number != ILLEGAL or instruction & 0x7F != SYSTEM:
            sys.exit(f"trap {number} at {pc:#x}")
        if instruction >> 7 & 31:
            core.reg_write(riscv.UC_RISCV_REG_X0 + (instruction >> 7 & 31), 0)
        core.reg_write(riscv.UC_RISCV_REG_PC, pc + 4)


def main(chip, image, rom, microseconds, seed, *options):
    random.seed(int(seed))
    with open(rom) as lines:
        functions = {int(address, 16): name for address, name in map(str.split, lines)}
    change = without_mask if "unmasked" in options else bytes
    chips = {"esp32c3": C3, "esp32c6": C6}
    machine = Machine(chips[chip], LoadFirmwareImage(chip, image), functions, change)
    try:
        machine.run(int(microseconds))
    except UcError as error:
        sys.exit(f"{error} at {machine.core.reg_read(riscv.UC_RISCV_REG_PC):#x}")


main(*sys.argv[1:])
