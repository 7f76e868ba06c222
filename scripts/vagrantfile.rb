# SPDX-License-Identifier: GPL-2.0-or-later
# Says in JSON how a Vagrantfile has a machine made and provisioned; Vagrant itself is not needed.
#
#   ruby scripts/vagrantfile.rb Vagrantfile debian
#
# A Vagrantfile is a Ruby program, so it is run, with an object in Vagrant's place that writes down
# what it is told.
require "json"

# What is set of one machine; what this file has no name for is an error of Ruby's.
class Machine
  attr_accessor :box, :cpus, :memory
  attr_reader :machines, :provisions

  def initialize
    @machines = {}
    @provisions = []
  end

  def vm = self

  def provider(_name) = yield(self, self)

  def synced_folder(*, **) = nil

  def define(name, **)
    yield @machines[name] = Machine.new
  end

  def provision(name, privileged: true, **options)
    @provisions << { name:, privileged:, inline: options.fetch(:inline), args: options.fetch(:args) }
  end
end

# The one call that a Vagrantfile makes.
module Vagrant
  ALL = Machine.new

  def self.configure(_version) = yield(ALL)
end

path, name = ARGV
load File.expand_path(path)
machine = Vagrant::ALL.machines.fetch(name) do
  abort "#{path}: there is no machine #{name}, only #{Vagrant::ALL.machines.keys.join(', ')}"
end
puts JSON.generate(
  cpus: Vagrant::ALL.cpus, memory: Vagrant::ALL.memory, box: machine.box,
  provisions: machine.provisions
)
