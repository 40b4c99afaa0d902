# Completion of archdsl for fish: `archdsl completion fish | source` in config.fish,
# or this file in ~/.config/fish/completions.

function __archdsl_arguments
    for word in (commandline -opc)
        if string match -q -- '*.arch' $word
            archdsl completion --arguments $word 2>/dev/null
            return
        end
    end
end

function __archdsl_specs
    __fish_complete_path (commandline -ct) | string match -r '.*(?:/|\.arch)(?:\t.*)?$'
end

function __archdsl_in
    __fish_seen_subcommand_from $argv
end

complete -c archdsl -f
complete -c archdsl -l help -d 'Show the help'
complete -c archdsl -n __fish_use_subcommand -l version -d 'Show the version'
complete -c archdsl -n __fish_use_subcommand -a compile -d 'Write model.py and train.py'
complete -c archdsl -n __fish_use_subcommand -a params -d 'Print parameters and MACs'
complete -c archdsl -n __fish_use_subcommand -a sweep -d 'Print the numbers of many members'
complete -c archdsl -n __fish_use_subcommand -a fit -d 'Find the members nearest to a budget'
complete -c archdsl -n __fish_use_subcommand -a table -d 'Print the architecture as papers do'
complete -c archdsl -n __fish_use_subcommand -a deploy -d 'Write the deployed network of a checkpoint'
complete -c archdsl -n __fish_use_subcommand -a inspect -d 'Print what checkpoints hold by layer'
complete -c archdsl -n __fish_use_subcommand -a match -d 'Say which entries of a checkpoint fit'
complete -c archdsl -n __fish_use_subcommand -a diff -d 'Say what differs between two networks'
complete -c archdsl -n __fish_use_subcommand -a check -d 'Build every network that an expect is about'
complete -c archdsl -n __fish_use_subcommand -a fmt -d 'Bring specs into canonical form'
complete -c archdsl -n __fish_use_subcommand -a report -d 'Put runs beside each other and beside papers'
complete -c archdsl -n __fish_use_subcommand -a explain -d 'Say what a diagnostic means'
complete -c archdsl -n __fish_use_subcommand -a completion -d 'Print the completion of a shell'

complete -c archdsl -n '__archdsl_in compile params sweep fit table deploy inspect match diff check fmt' -k -a '(__archdsl_specs)'
complete -c archdsl -n '__archdsl_in compile params sweep fit table deploy inspect match diff' -l set -x -a '(__archdsl_arguments)' -d 'An argument of the network'
complete -c archdsl -n '__archdsl_in compile deploy' -l out -x -a '(__fish_complete_directories)' -d 'Folder to write in'
complete -c archdsl -n '__archdsl_in compile deploy' -l name -x -d 'Folder in it'
complete -c archdsl -n '__archdsl_in compile fmt' -l check -d 'Write nothing, show what differs'
complete -c archdsl -n '__archdsl_in compile deploy match' -l format -x -a 'text json' -d 'How to print'
complete -c archdsl -n '__archdsl_in deploy inspect match' -F
complete -c archdsl -n '__archdsl_in match' -l map -r -F -d 'Names to write'
complete -c archdsl -n '__archdsl_in inspect' -l layer -x -d 'Layers of this name'
complete -c archdsl -n '__archdsl_in inspect' -l plot -r -F -d 'SVG to write'
complete -c archdsl -n '__archdsl_in params' -l by -x -a 'part block layer phase' -d 'What a row is'
complete -c archdsl -n '__archdsl_in params deploy inspect match' -l phase -x -d 'A phase of a network that grows'
complete -c archdsl -n '__archdsl_in params' -l columns -x -a 'kind output blocks parameters learned frozen unshared buffers convolutions macs deployed_bits activations memory reads writes intensity time receptive stride offset' -d 'What to say of each row'
complete -c archdsl -n '__archdsl_in params sweep fit' -l batch -x -d 'Inputs of a training step'
complete -c archdsl -n '__archdsl_in params' -l precision -x -a 'float32 bfloat16' -d 'Of training'
complete -c archdsl -n '__archdsl_in params' -l device -x -a 'a100 h100 h200 l4' -d 'What to fit'
complete -c archdsl -n '__archdsl_in params' -l tensors -d 'List the entries of state_dict'
complete -c archdsl -n '__archdsl_in params sweep fit inspect diff' -l format -x -a 'text json markdown latex csv' -d 'How to print'
complete -c archdsl -n '__archdsl_in diff' -l set-old -x -a '(__archdsl_arguments)' -d 'One of the first network'
complete -c archdsl -n '__archdsl_in diff' -l set-new -x -a '(__archdsl_arguments)' -d 'One of the second network'
complete -c archdsl -n '__archdsl_in diff' -l by -x -a 'part block layer' -d 'What a row is'
complete -c archdsl -n '__archdsl_in diff' -l exit-code -d 'Exit with 1 if something differs'
complete -c archdsl -n '__archdsl_in diff' -l git -d 'As git calls an external diff'
complete -c archdsl -n '__archdsl_in diff' -l textconv -d 'Print a line for each layer'
complete -c archdsl -n '__archdsl_in params' -l symbolic -x -a '(__archdsl_arguments | string trim -c =)' -d 'Print closed forms in these arguments'
complete -c archdsl -n '__archdsl_in sweep' -l where -x -d 'Keep members that it holds for'
complete -c archdsl -n '__archdsl_in sweep fit' -l columns -x -a 'parameters macs learned frozen unshared buffers convolutions training_macs deployed_bits activations memory' -d 'What is counted'
complete -c archdsl -n '__archdsl_in sweep' -l sort -x -a 'parameters macs' -d 'A column, or an argument'
complete -c archdsl -n '__archdsl_in sweep' -l reverse -d 'The largest first'
complete -c archdsl -n '__archdsl_in sweep fit' -l top -x -d 'Members to print'
complete -c archdsl -n '__archdsl_in sweep' -l front -d 'Mark the Pareto front'
complete -c archdsl -n '__archdsl_in sweep' -l plot -r -F -d 'Draw it: .svg, .png, .pdf'
complete -c archdsl -n '__archdsl_in fit' -l vary -x -a '(__archdsl_arguments | string trim -c =)' -d 'Arguments to choose'
complete -c archdsl -n '__archdsl_in fit' -l match -x -a '(__archdsl_specs)' -d 'A network to be matched'
complete -c archdsl -n '__archdsl_in fit' -l match-set -x -d 'An argument of it'
complete -c archdsl -n '__archdsl_in fit' -l parameters -x -d 'As 5.85e6'
complete -c archdsl -n '__archdsl_in fit' -l macs -x -d 'As 4e9'
complete -c archdsl -n '__archdsl_in fit' -l memory -x -d 'In bytes, as 16e9'
complete -c archdsl -n '__archdsl_in fit' -l deployed-bits -x -d 'As 8e6'
complete -c archdsl -n '__archdsl_in fit' -l within -x -d 'Fail where no member is so near'
complete -c archdsl -n '__archdsl_in table' -l symbolic -x -a '(__archdsl_arguments | string trim -c =)' -d 'Numbers as formulas in these arguments'
complete -c archdsl -n '__archdsl_in table' -l format -x -a 'text markdown latex html' -d 'How to print'
complete -c archdsl -n '__archdsl_in check' -l format -x -a 'text json github sarif' -d 'How to print'
complete -c archdsl -n '__archdsl_in report' -a '(__fish_complete_directories)'
complete -c archdsl -n '__archdsl_in report' -l published -r -F -d 'Errors that papers printed'
complete -c archdsl -n '__archdsl_in report' -l plot -r -F -d 'Write curves: .svg, .png, .pdf'
complete -c archdsl -n '__archdsl_in report' -l responses -d 'Rank the layers by how much they respond'
complete -c archdsl -n '__archdsl_in report' -l format -x -a 'text json markdown latex csv' -d 'How to print'
complete -c archdsl -n '__archdsl_in explain' -a '(archdsl explain 2>/dev/null)'
complete -c archdsl -n '__archdsl_in completion' -a 'bash zsh fish'
complete -c archdsl -n '__archdsl_in completion' -l arguments -x -a '(__archdsl_specs)' -d 'List what --set can set'
