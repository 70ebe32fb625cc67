using Codexctl.Engines.Bubblewrap.InBox;

return args is ["box-init", ..] ? await BoxInit.RunAsync(args[1..]) : 0;
